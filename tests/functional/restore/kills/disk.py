"""A real file system that is small enough to be filled."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILLING = "filling"


def can_mount() -> bool:
    """Whether one can be mounted here: it takes root, and in a container more than that."""
    with tempfile.TemporaryDirectory() as place:
        try:
            with small_disk(Path(place)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


@contextmanager
def small_disk(place: Path, size: str = "64m") -> Iterator[Path]:
    """Mount a file system of this size over the folder ``place`` and take it away again."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    subprocess.run(command, capture_output=True, check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> None:
    """Leave no room on ``disk``, not even in the last blocks of the files that are being written."""
    for path in disk.rglob("*.journal"):  # an empty line in a journal says nothing
        with path.open("ab") as stream:
            stream.write(b"\n" * (-path.stat().st_size % 4096))
    with (disk / FILLING).open("wb", buffering=0) as stream:
        for size in (1 << 20, 4096):
            _write_until_full(stream.fileno(), bytes(size))


def make_room(disk: Path) -> None:
    """Undo :func:`fill`."""
    (disk / FILLING).unlink(missing_ok=True)


def _write_until_full(descriptor: int, block: bytes) -> None:
    try:
        while True:
            os.write(descriptor, block)
    except OSError:
        return
