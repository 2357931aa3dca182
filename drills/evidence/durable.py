"""Files that are still there after a power cut: created exclusively, written whole, flushed to the disk."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: A file that exists already, or a symlink in its place, is an error: nothing is ever overwritten.
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
PRIVATE_FILE, PUBLIC_FILE = 0o600, 0o644
PRIVATE_FOLDER = 0o700


def write_new(path: Path, content: bytes, *, mode: int = PRIVATE_FILE) -> None:
    """Create ``path`` with ``content`` and flush it; a file that could not be written whole is taken away again.

    Raises:
        FileExistsError: something, even a dangling symlink, has that name.
        OSError: the disk is full, or the folder cannot be written.
    """
    descriptor = os.open(path, CREATE, mode)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of ``content``; the kernel may take it in parts."""
    remaining = memoryview(content)
    while remaining:
        remaining = remaining[os.write(descriptor, remaining) :]


def flush_folder(folder: Path) -> None:
    """Flush the names in ``folder``: a new or renamed file is durable only with its entry."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_regular(path: Path) -> bytes:
    """Return the content of ``path``, which must be a plain file.

    Raises:
        OSError: it is missing, unreadable, or a symlink.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        return file.read()
