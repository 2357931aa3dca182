"""Watching on until gates of the steady state can speak."""

from __future__ import annotations

from datetime import timedelta

from drills.plugin.drill import Drill
from drills.runbook.model import Gate
from drills.verdict.trend import quiet_seconds

#: Scrapes that may come late before the wait is given up; the gate then says itself what it lacks.
LATE_SCRAPES = 8


def watch_steady_state(drill: Drill) -> None:
    """Watch until the last bucket of every trend lies wholly after the drill's last disturbance.

    Without this a drill that ends soon after its last flip leaves a bucket that is neither calm nor disturbed, and
    whether the gate can speak hangs on the moment of a scrape.
    """
    for gate in drill.runbook.gates:
        _watch(drill, gate)


def _watch(drill: Drill, gate: Gate) -> None:
    quiet = quiet_seconds(gate, gate_window(drill, gate))
    if not quiet or not drill.disturbances:
        return
    metrics = drill.environment.metrics
    calm_since = max(disturbed.finished_at for disturbed in drill.disturbances)
    # The two scrapes around the end of a disturbance belong to it, so the bucket begins at the one after.
    wanted = calm_since + timedelta(seconds=quiet + metrics.interval_seconds)
    left = max(0.0, (wanted - drill.clock.now()).total_seconds())
    patience = LATE_SCRAPES * metrics.interval_seconds + metrics.latency_seconds
    drill.browser.wait_until(lambda: metrics.seen_since(wanted), left + patience)


def gate_window(drill: Drill, gate: Gate) -> float:
    """Return the seconds of the gate's window in this drill: the runbook's, or the rehearsal's if shorter."""
    rehearsal = drill.started.target.rehearsal_window_seconds
    return gate.window_seconds if rehearsal is None else min(gate.window_seconds, rehearsal)
