"""The last look before publication: is a secret left in the final bytes, however it is wrapped?

Fails closed: what cannot be read to the end is a finding too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from drills.evidence.durable import read_regular
from drills.evidence.layers import Layer, Unreadable, layers
from drills.evidence.redaction import Redactor, Secret

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
    return tuple(sorted({finding for name, content in files.items() for finding in _file(name, content, secrets)}))


def _files(folder: Path) -> dict[str, bytes | None]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    return {str(path.relative_to(folder)): _content(path) for path in paths}


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path) if path.is_file() else None
    except OSError:
        return None


def _file(name: str, content: bytes | None, secrets: Sequence[Secret]) -> Iterator[Finding]:
    if content is None:
        yield Finding(name, "not a readable plain file")
        return
    try:
        for text in (name.encode("utf-8", "replace"), content):
            for layer in layers(text):
                yield from (Finding(name, kind, " in ".join(layer.wrappings[::-1])) for kind in _kinds(layer, secrets))
    except Unreadable as reason:
        yield Finding(name, str(reason))


def _kinds(layer: Layer, secrets: Iterable[Secret]) -> Iterator[str]:
    """Yield the names of the secrets, and the shapes, that the layer shows; ``+`` may stand for a space."""
    spaced = layer.content.replace(b"+", b" ")
    for secret in secrets:
        value = secret.value.encode()
        if value in layer.content or value in spaced:
            yield secret.name
    yield from (name for name, shape in _SHAPES.items() if shape.search(layer.content))
