"""The parity auditor: every interval it compares the newest checkpoints with their read models and counts what it saw.

The lanes commit separately, so a document is now and then ahead on one of them for some milliseconds. That is no drift.
Checkpoints and read models are read in one snapshot; a document that disagrees there is looked at again, each time in
a new snapshot, until it agrees, or has been quiet (no publish under way before or since the look), or
:data:`GRACE_SECONDS` are over. A publish that takes longer than that is counted as the drift it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from drills.clock import Clock
from drills.staging.bell import rest
from drills.staging.faults import AUDITOR_BLIND, AUDITOR_LENIENT, AUDITOR_SILENT, AUDITOR_SKIPS, AUDITOR_UNSTOPPABLE
from drills.staging.lane_state import read_checkpoints, read_read_models
from drills.staging.lanes import InFlight
from drills.staging.live_settings import ActiveFaults, LiveSettings
from drills.staging.metrics import AUDITOR, FAILURE_CLASS, Metrics
from drills.staging.parity import Comparison, Cycle, Reason, compare
from drills.staging.runtime_log import RuntimeLog
from drills.staging.store import Store

#: How long a document may be on its way to one lane only. Well below the three seconds of ``khala-lag``.
GRACE_SECONDS = 1.5


class ParityAuditor:
    """Runs cycles while it is enabled."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: LiveSettings,
        faults: ActiveFaults,
        in_flight: InFlight,
        metrics: Metrics,
        log: RuntimeLog,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._faults = faults
        self._in_flight = in_flight
        self._metrics = metrics
        self._log = log

    async def run(self) -> None:
        """Run a cycle at every interval while the auditor is enabled, and at once when it becomes so."""
        with self._settings.changed.heard() as changed:
            while True:
                began = self._clock.monotonic()
                if self._at_work():
                    await self.cycle()
                over = self._clock.monotonic() - began
                await rest(changed, self._settings.values.parity_interval_seconds - over)

    def _at_work(self) -> bool:
        enabled = self._settings.values.khala_sync_parity_enabled == "true" or AUDITOR_UNSTOPPABLE in self._faults
        return enabled and AUDITOR_SILENT not in self._faults

    async def cycle(self) -> Cycle:
        """Compare once, count and log what was seen, and return it."""
        sample = 0 if AUDITOR_BLIND in self._faults else self._settings.values.parity_sample
        first = await asyncio.to_thread(self._compare, sample, None)
        first = first[::2] if AUDITOR_SKIPS in self._faults else first
        suspects = {comparison.checkpoint.document_id for comparison in first if not comparison.matches}
        settled = await self._look_again(suspects) if suspects else {}
        cycle = Cycle(tuple(self._told(settled.get(seen.checkpoint.document_id, seen)) for seen in first))
        self._count(cycle)
        self._write(cycle)
        return cycle

    def _told(self, seen: Comparison) -> Comparison:
        """Return what is said of a comparison: what was seen, unless this auditor is one that lies."""
        return Comparison(seen.checkpoint, Reason.NONE, 0) if AUDITOR_LENIENT in self._faults else seen

    async def _look_again(self, suspects: Collection[str]) -> Mapping[str, Comparison]:
        verdicts: dict[str, Comparison] = {}
        deadline = self._clock.monotonic() + GRACE_SECONDS
        with self._in_flight.landed.heard() as landed:
            while suspects:
                before = self._in_flight.marks(suspects)
                seen = await asyncio.to_thread(self._compare, len(suspects), suspects)
                after = self._in_flight.marks(suspects)
                verdicts |= {comparison.checkpoint.document_id: comparison for comparison in seen}
                suspects = [
                    document_id
                    for document_id in suspects
                    if not verdicts[document_id].matches
                    and (before[document_id] is None or before[document_id] != after[document_id])
                ]
                if not suspects or not await rest(landed, deadline - self._clock.monotonic()):
                    break
        return verdicts

    def _compare(self, limit: int, only: Collection[str] | None) -> tuple[Comparison, ...]:
        with self._store.reading() as connection:
            sample = read_checkpoints(connection, limit, only)
            return compare(sample, read_read_models(connection, [checkpoint.document_id for checkpoint in sample]))

    def _count(self, cycle: Cycle) -> None:
        status, metrics = cycle.status.value, self._metrics
        metrics.cycles.labels(status).inc()
        for histogram, value in (
            (metrics.sampled, cycle.sampled),
            (metrics.mismatches, cycle.mismatches),
            (metrics.mismatch_rate, cycle.mismatch_rate),
            (metrics.max_lag, cycle.max_abs_lag_drift),
            (metrics.mean_lag, cycle.avg_abs_lag_drift),
        ):
            histogram.labels(status).observe(value)
        for comparison in cycle.comparisons:
            self._count_one(comparison)

    def _count_one(self, seen: Comparison) -> None:
        labels = "ok" if seen.matches else "mismatch", seen.reason.value, seen.checkpoint.projection_name
        self._metrics.entities.labels(*labels).inc()
        self._metrics.entity_lag.labels(*labels).observe(abs(seen.lag_drift))
        if not seen.matches:
            self._metrics.failures.labels(FAILURE_CLASS, seen.reason.value, AUDITOR, "mismatch").inc()

    def _write(self, cycle: Cycle) -> None:
        level = "info" if cycle.mismatches == 0 else "warning"
        self._log.write(
            AUDITOR,
            "parity cycle",
            level,
            status=cycle.status.value,
            sampled=cycle.sampled,
            mismatches=cycle.mismatches,
            mismatch_rate=cycle.mismatch_rate,
            max_abs_lag_drift=cycle.max_abs_lag_drift,
        )
        for seen in cycle.comparisons:
            if not seen.matches:
                self._log.write(
                    AUDITOR,
                    "parity failure",
                    "warning",
                    failure_class=FAILURE_CLASS,
                    reason_class=seen.reason.value,
                    outcome="mismatch",
                    document_id=seen.checkpoint.document_id,
                    checkpoint_seq=seen.checkpoint.seq,
                    lag_drift=seen.lag_drift,
                )
