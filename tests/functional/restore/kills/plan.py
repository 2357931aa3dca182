"""Which kills are done: at every step in every way, and at random moments."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from tests.functional.restore.kills.lane import Kill
from tests.functional.restore.kills.victims import Course, Courses

#: Of the kills at random moments, every so many are in the long course.
_LONG_EVERY = 4
#: Seconds that a random moment may lie behind a random step: however fast the machine, it is among the steps.
_LONGEST_WAIT = 1.5


def planned(ways: Sequence[str], courses: Courses, rounds: int, random_kills: int, seed: int) -> Iterator[Kill]:
    """Yield the kills, way by way.

    Every step of the short course in every way; every step of the long one ``rounds`` times, dealt to the ways in
    turn; the random ones in equal parts.
    """
    for number, way in enumerate(ways):
        yield from at_steps([way], courses, range(1, courses.short.steps + 1))
        for step in range(1, courses.long.steps + 1):
            if (step - number) % len(ways) < rounds:
                yield Kill(way, courses.long.selection, step)
        yield from _at_random(way, courses, random_kills // len(ways), seed)


def at_steps(ways: Sequence[str], courses: Courses, steps: Iterable[int]) -> Iterator[Kill]:
    """Yield the kills at ``steps`` of the short course."""
    kept = tuple(steps)
    yield from (Kill(way, courses.short.selection, step) for way in ways for step in kept)


def _at_random(way: str, courses: Courses, kills: int, seed: int) -> Iterator[Kill]:
    chance = random.Random(f"{seed} {way}")  # noqa: S311 - moments, not secrets
    for number in range(kills):
        course: Course = courses.long if number % _LONG_EVERY == _LONG_EVERY - 1 else courses.short
        yield Kill(way, course.selection, chance.randrange(course.steps), round(chance.uniform(0.0, _LONGEST_WAIT), 2))
