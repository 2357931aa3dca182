"""The last look before publication: is a secret left in the final bytes, however it is wrapped?

Fails closed: what cannot be read to the end is a finding too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills.evidence.durable import read_regular
from drills.evidence.layers import Unreadable, layers
from drills.evidence.redaction import Redactor, Secret

#: No JSON Web Token and no private key is shorter.
SHORTEST_SHAPE = 20
_SHAPES = {
    "jwt": re.compile(rb"eyJ[A-Za-z0-9_-]{6,2048}\.eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*"),
    "private-key": re.compile(rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"),
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A secret that is still there: in which file, what kind, and inside which wrappings. Never its value."""

    path: str
    kind: str
    wrapping: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}" + (f" inside {self.wrapping}" if self.wrapping else "")


def scan(folder: Path, redactor: Redactor) -> tuple[Finding, ...]:
    """Return what must not be published in ``folder``, whose names are looked at as well."""
    return scan_files(_files(folder), redactor.secrets)


def scan_files(files: Mapping[str, bytes | None], secrets: Sequence[Secret]) -> tuple[Finding, ...]:
    """Return what must not be published in ``files`` (name to content; None for what cannot be read), in order."""
    search = _Search(secrets)
    return tuple(sorted({finding for name, content in files.items() for finding in search.file(name, content)}))


def _files(folder: Path) -> dict[str, bytes | None]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(folder)): _content(path) for path in paths}


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path) if path.is_file() else None
    except OSError:
        return None


class _Search:
    """What is looked for: the exact secrets, and the shapes."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        values = [(secret.name, secret.value.encode()) for secret in secrets]
        self._shortest = min([SHORTEST_SHAPE, *(len(value) for _, value in values)])
        self._patterns = [*((name, _in_forms_too(value)) for name, value in values), *_SHAPES.items()]

    def file(self, name: str, content: bytes | None) -> Iterator[Finding]:
        """Yield what is found in a file and in its name."""
        if content is None:
            yield Finding(name, "not a readable plain file")
            return
        try:
            for text in (name.encode("utf-8", "replace"), content):
                yield from (Finding(name, kind, wrapping) for kind, wrapping in self._found(text).items())
        except Unreadable as reason:
            yield Finding(name, str(reason))

    def _found(self, content: bytes) -> dict[str, str]:
        """Return each kind that is found, with the fewest wrappings that it is inside of."""
        found: dict[str, str] = {}
        for layer in layers(content, self._shortest):
            kinds = (kind for kind, pattern in self._patterns if kind not in found and pattern.search(layer.content))
            found |= dict.fromkeys(kinds, " in ".join(reversed(layer.wrappings)))
        return found


def _in_forms_too(value: bytes) -> re.Pattern[bytes]:
    """Return a pattern for an exact secret, in which a plus may stand for a space, as it does in forms."""
    return re.compile(b"[ +]".join(map(re.escape, value.split(b" "))))
