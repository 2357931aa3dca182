"""The table: what became of all those deaths."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.functional.restore.kills.lane import Death

HEAD = ("way to die", "kills", "restored", "by whom", "began", "back", "ledger", "command", "ready")


def by_way(deaths: Iterable[Death]) -> dict[str, list[Death]]:
    """Return the deaths that were died, way by way; those that came too late are no kills."""
    groups: dict[str, list[Death]] = {}
    for death in deaths:
        if death.died:
            groups.setdefault(death.way, []).append(death)
    return groups


def table(deaths: Sequence[Death]) -> Iterator[str]:
    """Yield the lines of a Markdown table: one for each way to die, and one for all of them.

    Times are the median and, in brackets, the slowest, of the deaths after which a flag was away from its baseline.
    """
    groups = by_way(deaths)
    rows = [(way, *_figures(some)) for way, some in groups.items()]
    rows.append(("all", *_figures([death for some in groups.values() for death in some])))
    yield _line(HEAD)
    yield _line(("---",) * len(HEAD))
    yield from map(_line, rows)


def _figures(deaths: Sequence[Death]) -> tuple[str, ...]:
    away = [death for death in deaths if death.seconds and death.restored]
    return (
        str(len(deaths)),
        _share(death.restored for death in deaths),
        ", ".join(f"{who} {times}" for who, times in Counter(death.by for death in deaths).most_common()),
        _times(death.began_after for death in away if death.began_after is not None),
        _times(death.seconds for death in away),
        _share(death.readable for death in deaths),
        str(sum(death.by_command for death in deaths)),
        _share(death.ready for death in deaths),
    )


def _times(seconds: Iterable[float]) -> str:
    measured = list(seconds)
    return f"{statistics.median(measured):.2f} s ({max(measured):.2f} s)" if measured else "-"


def _share(held: Iterable[bool]) -> str:
    all_of_them = list(held)
    return f"{sum(all_of_them) / len(all_of_them):.0%}" if all_of_them else "-"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
