"""What a drill was asked to do."""

from __future__ import annotations

import getpass
import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class DrillOptions:
    """The options of one drill. ``target`` is :data:`EMBEDDED` or the path of a profile.

    ``runbook`` is None where the target's own is followed, ``traces`` where recordings stay in the private run folder.
    """

    target: str
    runbook: str | None
    out: Path
    faults: tuple[str, ...]
    issue: str | None
    operator: str | None
    command: str
    allow_production: bool
    sign_key: Path | None
    tracing: bool
    traces: Path | None
    repository: Path

    @classmethod
    def of(cls, config: pytest.Config) -> DrillOptions:
        """Return the options given to pytest."""
        return cls(
            target=config.getoption("drill_target") or EMBEDDED,
            runbook=config.getoption("drill_runbook"),
            out=Path(config.getoption("drill_out")),
            faults=tuple(config.getoption("drill_fault")),
            issue=config.getoption("drill_issue"),
            operator=config.getoption("drill_operator"),
            command=config.getoption("drill_command") or " ".join(["pytest", *config.invocation_params.args]),
            allow_production=config.getoption("drill_allow_production"),
            sign_key=Path(named) if (named := config.getoption("drill_sign_key")) else None,
            tracing=config.getoption("tracing", "off") != "off" or bool(config.getoption("drill_publish_traces")),
            traces=Path(folder) if (folder := config.getoption("drill_publish_traces")) else None,
            repository=Path.cwd(),
        )

    def operator_at(self, named: str) -> str:
        """Return who runs the drill: who the command line names, else the profile, else this account."""
        return self.operator or named or f"{getpass.getuser()}@{socket.gethostname()}"
