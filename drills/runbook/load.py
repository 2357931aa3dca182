"""Reads a runbook file and says everything that is wrong with it at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from pydantic import ValidationError

from drills.errors import RunbookInvalid
from drills.runbook.model import Comparison, Runbook

KHALA_CUTOVER = "khala_cutover"
MAXIMUM_SIZE = 1_000_000


def load_runbook(source: str | Path = KHALA_CUTOVER) -> Runbook:
    """Load a runbook from a TOML file, or a shipped one by its name.

    Raises:
        RunbookInvalid: the file is absent, is not TOML, or does not hold a runbook; all mistakes are listed.
    """
    name, text = _read(source)
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # a number of too many digits and brackets without end are told as these, not as a TOMLDecodeError
        raise RunbookInvalid(f"{name} is not TOML: {error}", remedy="mend the file at the place named") from None
    return parse_runbook(content, name)


def parse_runbook(content: object, name: str) -> Runbook:
    """Check ``content`` and return it as a runbook; ``name`` is where it came from.

    Raises:
        RunbookInvalid: all mistakes of form and of reference are listed, each with its place.
    """
    try:
        runbook = Runbook.model_validate(content)
    except ValidationError as error:
        raise _invalid(name, (f"{_place(item['loc'])}: {item['msg']}" for item in error.errors())) from None
    mistakes = list(_mistakes(runbook))
    if mistakes:
        raise _invalid(name, mistakes)
    return runbook


def _read(source: str | Path) -> tuple[str, str]:
    shipped = files("drills.runbook").joinpath(f"{source}.toml")
    try:
        if isinstance(source, str) and "/" not in source and shipped.is_file():
            return f"{source}.toml", shipped.read_text(encoding="utf-8")
        with Path(source).open("rb") as stream:
            content = stream.read(MAXIMUM_SIZE + 1)
        if len(content) > MAXIMUM_SIZE:
            raise RunbookInvalid(f"{source} is larger than {MAXIMUM_SIZE:,} bytes", remedy="name a runbook file")
        return str(source), content.decode("utf-8")
    except OSError as error:
        raise RunbookInvalid(f"{source} cannot be read: {error.strerror}", remedy=_choices()) from None
    except UnicodeDecodeError:
        raise RunbookInvalid(f"{source} is not UTF-8 text", remedy="save the file as UTF-8") from None


def _choices() -> str:
    shipped = sorted(Path(file.name) for file in files("drills.runbook").iterdir())
    return f"name a runbook file, or one of {', '.join(file.stem for file in shipped if file.suffix == '.toml')}"


def _invalid(name: str, mistakes: Iterable[str]) -> RunbookInvalid:
    return RunbookInvalid(f"{name} is not a runbook:", mistakes=tuple(mistakes), remedy="mend the places named")


def _place(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".") or "file"


def _mistakes(runbook: Runbook) -> Iterator[str]:
    yield from _duplicates(runbook)
    yield from _unknown_references(runbook)
    yield from _gate_mistakes(runbook)
    yield from _order_mistakes(runbook)


def _duplicates(runbook: Runbook) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for place, entry in runbook.entries():
        # Facts of a drill name preconditions and checklist items alike, so these two share their names.
        kind = "items" if re.fullmatch(r"(preconditions|checklist)\[\d+\]", place) else place.rsplit("[", 1)[0]
        key = (kind, entry.id)
        if key in seen:
            yield f"{place}.id: '{entry.id}' is used twice"
        seen.add(key)


def _unknown_references(runbook: Runbook) -> Iterator[str]:
    switches = {switch.id for switch in runbook.switches}
    preconditions = {precondition.id for precondition in runbook.preconditions}
    surfaces = {switch.surface for switch in runbook.switches if switch.surface}
    gates = {gate.id for gate in runbook.gates}
    for index, level in enumerate(runbook.rollback):
        yield from _unknown(f"rollback[{index}].switches", level.switches, switches)
    for index, item in enumerate(runbook.checklist):
        yield from _unknown(f"checklist[{index}].needs", item.needs, preconditions)
        yield from _unknown(f"checklist[{index}].surfaces", item.surfaces, surfaces)
    for index, panel in enumerate(runbook.panels):
        yield from _unknown(f"panels[{index}].gate", filter(None, [panel.gate]), gates)


def _unknown(place: str, names: Iterable[str], known: set[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{place}: '{name}' is not one of {', '.join(sorted(known)) or 'none'}"


def _gate_mistakes(runbook: Runbook) -> Iterator[str]:
    for index, gate in enumerate(runbook.gates):
        objective = gate.objective
        if isinstance(objective, Comparison) and (objective.threshold is None) == (objective.setting is None):
            yield f"gates[{index}].objective: give either 'threshold' or 'setting'"


def _order_mistakes(runbook: Runbook) -> Iterator[str]:
    levels = [level.level for level in runbook.rollback]
    if levels != sorted(set(levels)):
        yield "rollback: levels must rise, smallest rollback first"
    for index, stage in enumerate(runbook.stages):
        if stage.cohort.minimum_percent > stage.cohort.maximum_percent:
            yield f"stages[{index}].cohort: minimum_percent is larger than maximum_percent"
