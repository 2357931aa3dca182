"""Something that is not as it was published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """What is wrong with a file, in words that follow its name."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file} {self.what}"
