"""In which line of a TOML file each key stands, so that a mistake can be told with its place.

``tomllib`` gives no positions, but it can tell where a statement ends: as soon as it can be parsed. Each statement is
then parsed by itself, and the keys that it holds stand in its first line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

#: A file with more lines than this is no profile that a person wrote.
MAXIMUM_LINES = 5000
Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Return the line, counted from 1, of every key and table of a TOML text that can be parsed."""
    found: dict[Path, int] = {}
    table: Path = ()
    seen: dict[Path, int] = {}
    for number, statement in _statements(text):
        document = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _table(document, seen)
            found.setdefault(table, number)
            continue
        for path in _keys(document):
            found.setdefault(table + path, number)
    return found


def line_of(place: Path, lines: Mapping[Path, int]) -> int | None:
    """Return the line of ``place``, or of the nearest table around it."""
    return next((lines[place[:end]] for end in range(len(place), 0, -1) if place[:end] in lines), None)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    lines = text.splitlines()[:MAXIMUM_LINES]
    begun, statement = 0, ""
    for number, line in enumerate(lines, start=1):
        begun = begun if statement else number
        statement += f"{line}\n"
        if _is_whole(statement):
            if statement.split("#")[0].strip():
                yield begun, statement
            statement = ""


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _table(document: dict[str, object], seen: dict[Path, int]) -> Path:
    """Return the path of the table that a header opens; tables of an array are counted."""
    path: Path = ()
    value: object = document
    while isinstance(value, dict | list) and value:
        if isinstance(value, list):
            seen[path] = seen.get(path, -1) + 1
            path, value = (*path, seen[path]), value[0]
        else:
            key, value = next(iter(value.items()))
            path = (*path, key)
            if path in seen and not isinstance(value, list):
                path = (*path, seen[path])
    return path


def _keys(value: object, path: Path = ()) -> Iterator[Path]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        yield (*path, key)
        yield from _keys(part, (*path, key))
