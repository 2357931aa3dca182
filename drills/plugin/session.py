"""One drill from its first file to its last: starts and ends the target, keeps the ledger, publishes."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from rich.console import Console

from drills.canonical import digest
from drills.clock import SYSTEM_CLOCK, Clock
from drills.errors import ConfigurationError, DrillError, EvidenceError
from drills.evidence.artefacts import ArtefactStore
from drills.evidence.environment import CONSTRAINTS, installed, run_address, versions
from drills.evidence.ledger import Ledger
from drills.evidence.provenance import gather, previous_drill
from drills.evidence.records import DrillFinished, DrillStarted, ItemFinished, ItemStarted, Restored, SwitchFlipped
from drills.evidence.redaction import Redactor
from drills.evidence.run_folder import RunFolder
from drills.plugin.captures import JUNIT, PAGE, Captures
from drills.plugin.drill import Drill
from drills.plugin.drill_plan import DrillPlan, plan_drill
from drills.plugin.effect import Effects
from drills.plugin.interruption import Interruption
from drills.plugin.options import EMBEDDED, DrillOptions
from drills.plugin.progress import Progress
from drills.plugin.publishing import NOT_RESTORED, exit_code, judge_run, publish_run, recent_decisions
from drills.plugin.safety import guarded_switchboard
from drills.plugin.signature import take_key
from drills.restore.recover import unresolved
from drills.restore.state import StateFolder
from drills.runbook.model import Runbook
from drills.target.browser import Browser, DrillBrowser, Playwright
from drills.target.chromium import provide
from drills.target.embedded import EmbeddedStaging
from drills.target.environment import Environment, on_console, target_facts
from drills.target.profile import Profile, demand_fit, parse_profile
from drills.verdict.gates import metrics_of


class DrillSession:
    """The life of one drill. Its private files are in ``folder``; what is published is made from them at the end."""

    def __init__(self, options: DrillOptions, console: Console, clock: Clock = SYSTEM_CLOCK) -> None:
        """Read profile and runbook and open the ledger; the target is not touched yet.

        Raises:
            ConfigurationError: the profile, the runbook or the options are wrong.
        """
        self.options = options
        self.clock = clock
        plan = _plan(options)
        self.profile: Profile | None = plan.profile
        self.runbook: Runbook = plan.runbook
        self.scenarios = plan.scenarios
        self.state = StateFolder.default()
        self.progress = Progress(self.runbook, console)
        self.redactor = Redactor()
        self.key = take_key(options.sign_key, self.redactor)
        self.drill_id = f"{clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        self.folder = RunFolder.create(self.state.root, self.drill_id)
        self.folder.destination.write_text(str(options.out.absolute()), encoding="utf-8")
        self.ledger = Ledger.create(self.folder.ledger, clock, self.redactor)
        self.store = ArtefactStore(self.folder.artefacts, self.redactor, self.ledger)
        self.drill: Drill | None = None
        self.interruption = Interruption()
        self.captures = Captures(self.folder, self.redactor, tracing=options.tracing)
        self._outcomes: dict[str, str] = {}
        self._effects: Effects | None = None
        #: Whether putting everything back has begun, and whether the last fact is written down.
        self._ended = False
        self.is_finished = False
        self._staging: EmbeddedStaging | None = None
        self._open = ExitStack()

    @property
    def junit(self) -> Path:
        """Where pytest writes its JUnit XML."""
        return self.folder.quarantine / JUNIT

    @property
    def page(self) -> Path:
        """Where pytest-html writes its page."""
        return self.folder.quarantine / PAGE

    def start_target(self) -> None:
        """Begin to start the embedded staging, unless a real environment is drilled."""
        if self.profile is None:
            self.progress.doing("starting the embedded staging")
            self._staging = EmbeddedStaging(faults=self.options.faults, browser=provide().executable)
            self._open.callback(self._staging.end)
            self._staging.start()

    def await_target(self) -> None:
        """Wait until the embedded staging is up.

        Raises:
            StagingFailed: it ended, or said that it could not start.
        """
        if self._staging:
            self.profile = parse_profile(self._staging.ready().profile_document(), "embedded staging")

    def stop_target(self) -> None:
        """Wait until nothing of the embedded staging is left; it was told to end when the drill was."""
        if self._staging:
            self._staging.stop()

    def begin(self, playwright: Playwright, browser: Browser) -> Drill:
        """Take the lease, write down the baseline, and hand out the drill.

        Raises:
            DrillError: the target cannot be drilled now; nothing was flipped.
        """
        profile = self.profile
        assert profile is not None, "the target is started first"  # noqa: S101
        started = self._write_first_facts(profile)
        environment = self._open.enter_context(Environment(profile, self.clock, self.redactor.register))
        pages = DrillBrowser(
            playwright,
            browser,
            profile,
            self.interruption.check,
            hear=self.redactor.learn,
            recorder=self.captures.recorder,
        )
        self._open.callback(pages.close)
        switches = environment.switches()
        board = self._open.enter_context(
            guarded_switchboard(
                self.state,
                self.clock,
                switches,
                self.runbook,
                drill_id=self.drill_id,
                target=profile.address,
                ephemeral=self.options.target == EMBEDDED,
                pause=pages.pause,
                on_flip=self._flipped,
                verify=self._effect,
                remote=environment.remote_lease(
                    self.drill_id, self.options.operator_at(profile.operator), self.options.target
                ),
            )
        )
        acts = switches | on_console(environment.listed_switches(), environment.console(pages))
        self.drill = Drill(
            started=started,
            runbook=self.runbook,
            environment=environment,
            browser=pages,
            board=board,
            acts=acts,
            ledger=self.ledger,
            store=self.store,
            clock=self.clock,
            began_at=self.clock.now(),
            commands=[self.captures.plant_in_children(os.environ)],
        )
        return self.drill

    def end(self) -> None:
        """Put everything back, write the last facts down, and let go of the target, whatever happens on the way."""
        with self._open:
            if self.drill is None:
                return
            self.progress.doing("putting every switch back")
            drill, ended_at = self.drill, self.clock.now()
            self._ended = True
            self.ledger.append(self._put_back(drill))
            metrics = frozenset(name for gate in self.runbook.gates for name in metrics_of(gate))
            reason = self.interruption.name
            self.ledger.append(drill.last_samples(metrics, ended_at, patient=not reason))
            self.ledger.append(DrillFinished(outcome="interrupted" if reason else "completed", reason=reason or ""))
            self.is_finished = True

    def give_up(self, error: Exception) -> int:
        """End without a report, because of ``error``: put back what still is flipped, and return the exit code.

        `drill restore` publishes what the ledger holds, when there is room for it again.
        """
        with self._open:
            if self.drill is not None and not self._ended:
                self._put_back(self.drill)
        self.progress.say(f"{error}\nnothing was published; the evidence is kept in {self.folder.root}")
        if any(left.drill_id == self.drill_id for left in unresolved(self.state)):
            self.progress.say("the switches are not proved to be back: type `drill restore` when this is mended")
            return NOT_RESTORED
        return error.exit_code if isinstance(error, DrillError) else EvidenceError.exit_code

    def enter(self, item: str) -> None:
        """Write down that an item is being tried."""
        self.progress.begin(item)
        self.ledger.append(ItemStarted(item=item))
        if self.drill:
            self.drill.begin(item)

    def leave(self, item: str, outcome: Literal["passed", "failed", "skipped"], seconds: float, reason: str) -> None:
        """Write down how an item ended."""
        self._outcomes[item] = outcome
        unmet = self.unmet_checks() or ([reason] if outcome != "passed" else [])
        self.progress.finish(item, outcome, seconds, unmet)
        if self.drill:
            self.ledger.append(
                ItemFinished(item=item, outcome=outcome, seconds=round(seconds, 3), reason=reason[:2000])
            )

    def unmet_checks(self) -> list[str]:
        """Return the checks of the present item that did not hold."""
        return self.drill.unmet if self.drill else []

    def unmet_needs(self, item: str) -> list[str]:
        """Return the preconditions of ``item`` that did not hold."""
        needs = next((entry.needs for entry in self.runbook.checklist if entry.id == item), ())
        return [need for need in needs if self._outcomes.get(need) != "passed"]

    def publish(self) -> int:
        """Judge, publish, and return the exit code of the verdict.

        Raises:
            EvidenceError: the evidence cannot be published; it stays in the run folder.
        """
        traces = self.options.traces
        with self.captures.refused_for_good():
            recordings = self.captures.conclude(self.ledger, self.store, traces=traces is not None)
            self.ledger.close()
            record = judge_run(self.folder)
            published = publish_run(self.folder, record, self.redactor, self.options.out, self.key)
        self.progress.conclude(record, str(published.report))
        signed_by = published.manifest.signed_by
        self.progress.say(f"signed by {signed_by}" if signed_by else "unsigned: `drill keygen` makes a key")
        if traces:
            self.progress.say(f"traces: {self.captures.hand_out(recordings, traces, published.folder.name)}")
        elif self.captures.recorder:
            self.progress.say(f"raw traces, with secrets in them, for your eyes only: {self.folder.recordings}")
        return exit_code(record)

    def _put_back(self, drill: Drill) -> Restored:
        self._effects = Effects(drill)
        return drill.board.restore()

    def _flipped(self, flip: SwitchFlipped) -> None:
        if self.drill:
            self.drill.flipped(flip)

    def _effect(self, switch: str) -> str | None:
        assert self._effects is not None, "switches are put back by _put_back alone"  # noqa: S101
        return self._effects.observe(switch)

    def _write_first_facts(self, profile: Profile) -> DrillStarted:
        """Write down what is drilled with which packages, and what was decided since the last drill."""
        # before the first fact: it holds the command, the operator and the commit
        self.captures.know(os.environ, profile)
        started = self._started(profile)
        self.ledger.append(started)
        for decided in recent_decisions(self.options.out, self.runbook.id):
            self.ledger.append(decided)
        self.store.keep(
            CONSTRAINTS, installed(), category="configuration", title="Installed packages", media_type="text/plain"
        )
        return started

    def _started(self, profile: Profile) -> DrillStarted:
        since = previous_drill(self.options.out)
        content = self.runbook.model_dump(mode="json")
        return DrillStarted(
            drill_id=self.drill_id,
            slug=f"{self.runbook.id}-{profile.name}-drill",
            issue=self.options.issue or profile.issue or self.runbook.issue,
            operator=self.options.operator_at(profile.operator),
            runbook=content,
            runbook_digest=digest(content),
            target=target_facts(profile),
            provenance=gather(self.options.repository, since=since, repository_url=profile.repository_url),
            versions=versions(),
            command=self.options.command,
            faults=self.options.faults,
            run_url=run_address(os.environ),
        )


def _plan(options: DrillOptions) -> DrillPlan:
    if options.faults and options.target != EMBEDDED:
        raise ConfigurationError("--fault works on the embedded target only", remedy="drop --fault or --target")
    plan = plan_drill(options.target, options.runbook, allow_production=options.allow_production)
    if plan.profile:
        demand_fit(plan.profile, plan.runbook, options.target)
    return plan
