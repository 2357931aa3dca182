"""The table: what became of all those deaths."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tests.functional.restore.kills.lane import Death
from tests.functional.restore.kills.victims import NOTHING_FLIPPED

HEAD = ("way to die", "kills", "restored", "by whom", "median", "slowest", "ledger", "command", "ready")


def by_way(deaths: Iterable[Death]) -> dict[str, list[Death]]:
    """Return the deaths that were died, way by way; those that came too late are no kills."""
    groups: dict[str, list[Death]] = {}
    for death in deaths:
        if death.died:
            groups.setdefault(death.way, []).append(death)
    return groups


def table(deaths: Sequence[Death]) -> Iterator[str]:
    """Yield the lines of a Markdown table: one for each way to die, and one for all of them.

    Times are those of the deaths that left something to put back.
    """
    groups = by_way(deaths)
    rows = [(way, *_figures(some)) for way, some in groups.items()]
    rows.append(("all", *_figures([death for some in groups.values() for death in some])))
    yield _line(HEAD)
    yield _line(("---",) * len(HEAD))
    yield from map(_line, rows)


def _figures(deaths: Sequence[Death]) -> tuple[str, ...]:
    seconds = [death.seconds for death in deaths if death.restored and death.by != NOTHING_FLIPPED]
    return (
        str(len(deaths)),
        _share(death.restored for death in deaths),
        ", ".join(f"{who} {times}" for who, times in Counter(death.by for death in deaths).most_common()),
        f"{statistics.median(seconds):.1f} s" if seconds else "-",
        f"{max(seconds):.1f} s" if seconds else "-",
        _share(death.readable for death in deaths),
        str(sum(death.by_command for death in deaths)),
        _share(death.ready for death in deaths),
    )


def _share(held: Iterable[bool]) -> str:
    all_of_them = list(held)
    return f"{sum(all_of_them) / len(all_of_them):.0%}" if all_of_them else "-"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
