"""Which runbook a drill follows, and where its scenarios are."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from drills.errors import RunbookInvalid
from drills.plugin.options import EMBEDDED
from drills.runbook.load import KHALA_CUTOVER, load_runbook
from drills.runbook.model import Runbook
from drills.target.profile import Profile, load_profile


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """What a drill is to do: where, by which runbook, and with which folder of scenarios.

    ``profile`` is None for the embedded staging, whose addresses are not known before it is up.
    """

    profile: Profile | None
    runbook: Runbook
    scenarios: Path


def plan_drill(target: str, named: str | None = None, *, allow_production: bool = False) -> DrillPlan:
    """Read the profile of ``target`` and the runbook: the one ``named``, or else the one that the profile names.

    Both may be a shipped runbook's name or a file. A file named by a profile is looked for beside that profile.

    Raises:
        ConfigurationError: one of them is wrong, or the runbook's scenarios are not there.
        ProductionRefused: the target is production, and that was not allowed.
    """
    profile = None if target == EMBEDDED else load_profile(Path(target), allow_production=allow_production)
    source = named or (_beside(Path(target), profile.runbook) if profile else KHALA_CUTOVER)
    runbook = load_runbook(source)
    return DrillPlan(profile, runbook, _scenarios(runbook, source))


def _beside(profile: Path, named: str) -> str | Path:
    return profile.parent / named if named.endswith(".toml") else named


def _scenarios(runbook: Runbook, source: str | Path) -> Path:
    """Return the folder that ``runbook`` names: a Python package, or ``./…`` beside the runbook's file."""
    name = runbook.scenarios
    folder = Path(source).parent / name if name.startswith("./") else _package(name)
    if folder is None or not folder.is_dir():
        raise RunbookInvalid(
            f"{source}: there are no scenarios at '{name}'",
            remedy="name a Python package that is installed, or a folder beside the runbook as './…'",
        )
    return folder.resolve()


def _package(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None
