"""A staging that runs apart from any drill, and drills run on it as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx2
import pytest

from drills.evidence.drill_record import DrillRecord
from drills.evidence.key_files import KEY_VARIABLE, write_key_pair
from drills.target.chromium import find

DRILL = (sys.executable, "-m", "drills")
PATIENCE_SECONDS = 280


@dataclass(frozen=True)
class Staging:
    """A staging that is up, and the profile with which it is drilled."""

    profile: Path
    operator: httpx2.Client
    state: Path
    process: subprocess.Popen[str]

    def end(self) -> None:
        """End it for good."""
        self.process.terminate()
        self.process.wait(PATIENCE_SECONDS)

    def inject(self, fault: str) -> None:
        """Make something go wrong."""
        self.operator.put(f"/operator/faults/{fault}").raise_for_status()

    def heal(self, fault: str) -> None:
        """Make it go right again."""
        self.operator.delete(f"/operator/faults/{fault}").raise_for_status()

    def put(self, switch: str, value: str) -> None:
        """Set a switch, and return when the value is in effect."""
        self.operator.put(f"/operator/switches/{switch}?wait=1", json={"value": value}).raise_for_status()

    def values(self) -> dict[str, str]:
        """Return the value of every switch."""
        listed = self.operator.get("/operator/switches").raise_for_status().json()["switches"]
        return {switch["id"]: switch["value"] for switch in listed}


@dataclass(frozen=True)
class Outcome:
    """What a drill left behind."""

    code: int
    output: str
    out: Path

    @property
    def record(self) -> DrillRecord:
        """The one record that was published."""
        (path,) = self.out.glob("*/drill.json")
        return DrillRecord.model_validate_json(path.read_bytes())

    @property
    def report(self) -> str:
        """The one report that was published."""
        (path,) = (path for path in self.out.glob("*.md") if path.name != "README.md")
        return path.read_text(encoding="utf-8")


class RunDrill(Protocol):
    """Runs ``drill run`` with ``words`` to its end."""

    def __call__(
        self,
        *words: str,
        out: Path,
        state: Path,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
    ) -> Outcome:
        """Return what the drill, started in ``folder``, left behind."""


def _run_drill(
    *words: str, out: Path, state: Path, environment: dict[str, str] | None = None, folder: Path | None = None
) -> Outcome:
    done = subprocess.run(
        [*DRILL, "run", "--out", str(out), *words],
        env={**os.environ, "XDG_STATE_HOME": str(state), **(environment or {})},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr, out)


@pytest.fixture(scope="session")
def run_drill() -> RunDrill:
    """How to run a drill."""
    return _run_drill


@pytest.fixture(scope="session", autouse=True)
def browser_is_there() -> None:
    """Skip where no browser can be had; the drill itself would get one."""
    if find() is None:
        pytest.skip("no Chromium here")


@pytest.fixture(scope="session")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    """A staging started with ``drill staging up``, as an operator would."""
    with _staging_up(tmp_path_factory.mktemp("staging")) as one:
        yield one


@pytest.fixture
def short_lived_staging(tmp_path: Path) -> Iterator[Staging]:
    """A staging of one test's own, which may end it."""
    with _staging_up(tmp_path) as one:
        yield one


@contextmanager
def _staging_up(folder: Path) -> Iterator[Staging]:
    profile = folder / "staging.toml"
    words: Sequence[str] = [*DRILL, "staging", "up", "--json", "--profile", str(profile)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        token = {"Authorization": f"Bearer {ready['operator_token']}"}
        with httpx2.Client(base_url=ready["urls"]["console"], headers=token, trust_env=False, timeout=30) as operator:
            yield Staging(profile, operator, folder / "state", process)
        process.terminate()


@pytest.fixture(scope="session")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private key that signs the drill; its public half lies beside it as ``.pub``."""
    path = tmp_path_factory.mktemp("keys") / "signing.key"
    write_key_pair(path)
    return path


@pytest.fixture(scope="session")
def outcome(run_drill: RunDrill, tmp_path_factory: pytest.TempPathFactory, signing_key: Path) -> Outcome:
    """A whole drill on an embedded staging that it starts itself, signed."""
    folder = tmp_path_factory.mktemp("drill")
    environment = {
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "NO_COLOR": "1",
        KEY_VARIABLE: signing_key.read_text(encoding="utf-8"),
    }
    return run_drill(out=folder / "status", state=folder / "state", environment=environment)
