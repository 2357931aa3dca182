"""What a scenario is given: it acts on the target, writes down what it saw, and holds expectations against it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from drills.clock import Clock
from drills.errors import MetricsUnavailable
from drills.evidence.artefacts import ArtefactStore
from drills.evidence.ledger import Ledger
from drills.evidence.records import (
    Artefact,
    Check,
    Disturbance,
    DrillStarted,
    Interval,
    Lane,
    LaneProved,
    Observation,
    Relation,
    RuntimeRecovered,
    Samples,
    Scalar,
    SwitchFlipped,
    Verdict,
)
from drills.restore.switchboard import ROLLBACK, Switchboard
from drills.runbook.model import Runbook
from drills.target.browser import DrillBrowser, SurfacePage
from drills.target.environment import Environment
from drills.target.ports import Switch
from drills.verdict.items import judge_check

#: How long a source of metrics may take to answer, beyond the time that it says its samples take.
METRICS_SECONDS = 5.0
PAUSE_SECONDS = 0.25


@dataclass
class Drill:
    """One drill under way. Everything that it records belongs to ``item``, the checklist item being exercised."""

    started: DrillStarted
    runbook: Runbook
    environment: Environment
    browser: DrillBrowser
    board: Switchboard
    acts: Mapping[str, Switch]
    ledger: Ledger
    store: ArtefactStore
    clock: Clock
    began_at: datetime
    item: str = ""
    commands: list[str] = field(default_factory=list)
    kept: list[Artefact] = field(default_factory=list)
    flips: list[SwitchFlipped] = field(default_factory=list)
    disturbances: list[Interval] = field(default_factory=list)
    unmet: list[str] = field(default_factory=list)

    def begin(self, item: str) -> None:
        """Turn to another item."""
        self.item = item
        self.unmet = []

    def check(
        self,
        check_id: str,
        title: str,
        observed: Scalar,
        relation: Relation,
        expected: Scalar,
        *,
        unit: str = "",
        surface: str | None = None,
        step: str | None = None,
        evidence: Sequence[str] = (),
        note: str = "",
    ) -> bool:
        """Hold ``observed`` against ``expected``, write it down, and return whether it holds.

        The scenario goes on; pytest fails the item at its end when any check did not hold.
        """
        check = Check(
            id=check_id,
            item=self.item,
            title=title,
            observed=observed,
            relation=relation,
            expected=expected,
            unit=unit,
            surface=surface,
            step=step,
            evidence=tuple(evidence),
            note=note,
        )
        self.ledger.append(check)
        verdict = judge_check(check)
        if verdict is not Verdict.PASS:
            where = f" [{surface}]" if surface else ""
            self.unmet.append(f"{verdict} {title}{where}: observed {observed}, expected {relation.value} {expected}")
        return verdict is Verdict.PASS

    def holds(
        self,
        check_id: str,
        title: str,
        *,
        observed: bool | None,
        surface: str | None = None,
        step: str | None = None,
        evidence: Sequence[str] = (),
        note: str = "",
    ) -> bool:
        """Check that ``observed`` is true; None says that it could not be observed."""
        return self.check(
            check_id,
            title,
            observed,
            Relation.EQUAL,
            expected=True,
            surface=surface,
            step=step,
            evidence=evidence,
            note=note,
        )

    def observe(self, observation_id: str, title: str, facts: Mapping[str, Scalar], surface: str | None = None) -> str:
        """Write down facts and return the id under which checks refer to them."""
        name = self._name(surface, observation_id)
        self.ledger.append(Observation(id=name, item=self.item, title=title, facts=dict(facts), surface=surface))
        return name

    def keep(
        self, name: str, content: bytes, *, category: str, title: str, media_type: str, surface: str | None = None
    ) -> str:
        """Keep an artefact and return its id."""
        artefact = self.store.keep(
            name, content, category=category, title=title, media_type=media_type, item=self.item, surface=surface
        )
        self.kept.append(artefact)
        return artefact.id

    def picture(self, page: SurfacePage, name: str, title: str, category: str = "screenshot") -> str:
        """Keep a screenshot of a surface and return its id."""
        content = page.screenshot()
        return self.keep(
            f"{self._name(page.id, name)}.png",
            content,
            category=category,
            title=title,
            media_type="image/png",
            surface=page.id,
        )

    def surface(self, surface_id: str) -> SurfacePage:
        """Return the page of a surface."""
        return self.browser.surface(surface_id)

    def switch_to(self, *switches: str, new_lane: bool, purpose: str, timeout: float | None = None) -> None:
        """Flip switches to their value on the new or the old lane, together.

        Raises:
            SwitchFailed: one of them does not read back as asked.
            TargetUnreachable: the target does not answer.
        """
        values, acts = {}, {}
        where = "console" if self.environment.profile.console else "switch"
        for name in switches:
            switch = self.runbook.switch(name)
            values[name] = switch.new_lane if new_lane else switch.old_lane
            acts[name] = self.acts[name]
            self.commands.append(f"{self.clock.now():%H:%M:%S}Z {where}: {switch.key}={values[name]} ({purpose})")
        self.browser.keep_recordings()
        if purpose == ROLLBACK:
            self.board.rollback(values, item=self.item, timeout=timeout, acts=acts)
            return
        self.board.flip_together(values, purpose=purpose, item=self.item, timeout=timeout, acts=acts)

    def value(self, switch: str) -> str:
        """Return the value of a switch that is in effect now.

        Raises:
            TargetUnreachable: the target does not answer.
        """
        return self.acts[switch].read()

    def samples(self, metrics: Collection[str]) -> Samples:
        """Return the samples of ``metrics`` since the drill began."""
        return self.environment.metrics.samples(metrics, self.began_at, self.clock.now())

    def last_samples(self, metrics: Collection[str], until: datetime, *, patient: bool) -> Samples:
        """Return the samples of ``metrics`` from the beginning ``until`` then; why there are none is a problem in them.

        A ``patient`` drill waits until the source has them all. Signals are no longer listened to, and the browser may
        be gone: neither is asked.
        """
        source = self.environment.metrics
        deadline = time.monotonic() + (source.latency_seconds if patient else 0.0)
        while not source.seen_since(until) and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        try:
            return source.samples(metrics, self.began_at, until)
        except MetricsUnavailable as error:
            return Samples(
                source=self.environment.profile.metrics.address,
                started_at=self.began_at,
                finished_at=until,
                interval_seconds=source.interval_seconds,
                series=(),
                problems=(error.message,),
            )

    def wait_until(self, condition: Callable[[], object], *, of_metrics: bool = False) -> bool:
        """Wait for as long as the target profile is patient, and return whether ``condition`` came true.

        Where it is one ``of_metrics``, the time that samples take to arrive is granted as well.
        """
        late = self.environment.metrics.latency_seconds if of_metrics else 0.0
        return self.browser.wait_until(condition, self.environment.profile.patience_seconds + late)

    def metrics_caught_up(self) -> bool:
        """Wait until the metrics tell of this moment, and return whether they do."""
        moment, metrics = self.clock.now(), self.environment.metrics
        return self.browser.wait_until(lambda: metrics.seen_since(moment), METRICS_SECONDS + metrics.latency_seconds)

    def flipped(self, flip: SwitchFlipped) -> None:
        """Write down a flip that the switchboard confirmed."""
        self.flips.append(flip)
        self.ledger.append(flip)

    def lane_proved(self, surface: str, lane: Lane, observation: str) -> None:
        """Write down that traffic proved the lane of a surface."""
        self.ledger.append(
            LaneProved(surface=surface, lane=lane, proved_at=self.clock.now(), observation=observation, item=self.item)
        )

    def runtime_seen(self, switch: str, *, recovered: bool, observation: str) -> None:
        """Write down that a runtime switch was seen to have taken effect."""
        self.ledger.append(
            RuntimeRecovered(
                switch=switch,
                state="recovered" if recovered else "stopped",
                observed_at=self.clock.now(),
                observation=observation,
            )
        )

    @contextmanager
    def disturbance(self, reason: str) -> Iterator[None]:
        """Declare that the drill itself disturbs the target until the block ends, however it ends."""
        started = self.clock.now()
        try:
            yield
        finally:
            interval = Interval(started_at=started, finished_at=self.clock.now(), reason=reason)
            self.disturbances.append(interval)
            self.ledger.append(Disturbance(interval=interval))

    def _name(self, surface: str | None, name: str) -> str:
        """Return a name within this drill: the item, the surface where it is another word, and ``name``."""
        return "-".join(dict.fromkeys(filter(None, (self.item, surface, name))))
