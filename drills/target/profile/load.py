"""Reading a target profile: every mistake at once, each with its key and its line; production only when it is meant."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from drills.errors import ProductionRefused, ProfileInvalid
from drills.target.fields import beside
from drills.target.profile.agreement import Contradiction, contradictions
from drills.target.profile.lines import Path as Place
from drills.target.profile.lines import line_of, lines_of
from drills.target.profile.model import ENVIRONMENT_DELIMITER, ENVIRONMENT_PREFIX, Profile

MAXIMUM_SIZE = 1_000_000


def load_profile(path: Path, *, allow_production: bool = False) -> Profile:
    """Read a profile from a TOML file; the files that it names are looked for beside it.

    Raises:
        ProfileInvalid: the file cannot be read or is wrong; every mistake is listed with its place.
        ProductionRefused: it describes production, and that was not allowed.
    """
    text = _read(path)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # a number of too many digits and brackets without end are told as these, not as a TOMLDecodeError
        raise ProfileInvalid(f"{path} is not TOML: {error}", remedy="mend the file at the place named") from None
    placed = beside(document, path.absolute().parent)
    assert isinstance(placed, dict), "the top of a TOML file is a table"  # noqa: S101
    return parse_profile(placed, str(path), allow_production=allow_production, text=text)


def parse_profile(document: dict[str, object], name: str, *, allow_production: bool = False, text: str = "") -> Profile:
    """Check ``document`` and return it as a profile; ``name`` is where it came from, ``text`` how it was written.

    Raises:
        ProfileInvalid: every mistake is listed with its place, and its line where there is a text.
        ProductionRefused: it describes production, and that was not allowed.
    """
    try:
        profile = Profile.model_validate(document)
    except ValidationError as error:
        _refuse(name, text, dict(_mistakes(error, document)))
    _refuse(name, text, dict(contradictions(profile)))
    if profile.environment == "production" and not allow_production:
        raise ProductionRefused(
            f"{name} describes a production environment", remedy="add --allow-production if that is meant"
        )
    return profile


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAXIMUM_SIZE + 1)
    except OSError as error:
        raise ProfileInvalid(f"{path} cannot be read: {error.strerror}", remedy="name a target profile") from None
    if len(content) > MAXIMUM_SIZE:
        raise ProfileInvalid(f"{path} is larger than {MAXIMUM_SIZE:,} bytes", remedy="name a target profile")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProfileInvalid(f"{path} is not TOML: {error}", remedy="save the file as UTF-8") from None


def _refuse(name: str, text: str, mistakes: Mapping[Place, str]) -> None:
    """Raise when there are mistakes, in the order of their lines."""
    if not mistakes:
        return
    lines = lines_of(text)
    told = sorted((line_of(place, lines) or 0, place, words) for place, words in mistakes.items())
    raise ProfileInvalid(
        f"{name} is not a target profile:",
        mistakes=[f"{_named(place, line)}: {words}" for line, place, words in told],
        remedy="mend the places named; `drill doctor --target` says what else is missing",
    )


def _mistakes(error: ValidationError, document: object) -> Iterator[Contradiction]:
    for item in error.errors(include_input=False, include_url=False):
        yield _place(item, document), _words(item)


def _place(item: ErrorDetails, document: object) -> Place:
    """Return where a mistake is, without the words by which pydantic names the member of a union."""
    place: list[str | int] = []
    for part in item["loc"]:
        inside = _inside(document, part)
        if inside is not None or (part == item["loc"][-1] and item["type"] in {"missing", "extra_forbidden"}):
            place.append(part)
            document = inside
    return (*place, "kind") if item["type"].startswith("union_tag") else tuple(place)


def _inside(document: object, part: str | int) -> object:
    if isinstance(document, dict):
        return document.get(part)
    return document[part] if isinstance(document, list) and isinstance(part, int) and part < len(document) else None


def _words(item: ErrorDetails) -> str:
    plain = {"missing": "is missing", "union_tag_not_found": "is missing", "extra_forbidden": "is not known here"}
    if item["type"] == "union_tag_invalid":
        context = item.get("ctx", {})
        return f"{context.get('tag')!r} is none of {context.get('expected_tags')}"
    return plain.get(item["type"], item["msg"].removeprefix("Value error, "))


def _named(place: Place, line: int) -> str:
    """Return the key of a mistake, with the variable that gave it its value or else with its line."""
    variable = ENVIRONMENT_PREFIX + ENVIRONMENT_DELIMITER.join(map(str, place)).upper()
    where = f" (from {variable})" if variable in {name.upper() for name in os.environ} else f" (line {line})"
    return ".".join(map(str, place)) + (where if line or "from" in where else "")
