"""Puts a publication in its place: all of it or nothing, and never over anything that is there.

The files go into a hidden folder beside their place, the report with them as :data:`PENDING`. Renaming that folder
is the one step that publishes; bringing the report out beside it can be repeated by anyone, and
:func:`finish_interrupted` does so for a publisher that was killed in between.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from drills.errors import PublicationRefused
from drills.evidence.durable import PUBLIC_FILE, flush_folder, write_new
from drills.evidence.naming import slug

PENDING = ".report.md"
_TEMPORARY = re.compile(r"\.publishing-(?P<host>[a-z0-9-]+)-(?P<pid>\d+)-[0-9a-f]+")
#: What renaming a folder onto something that is there ends with.
_OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


def report_of(folder: Path) -> Path:
    """Return the place of the report that belongs to ``folder``: beside it, under the same name."""
    return folder.with_name(f"{folder.name}.md")


def is_free(folder: Path) -> bool:
    """Tell whether neither the folder nor its report exists, not even as a dangling symlink."""
    return not (os.path.lexists(folder) or os.path.lexists(report_of(folder)))


def place(folder: Path, files: Mapping[str, bytes], report: bytes) -> bool:
    """Publish ``files`` as ``folder`` and ``report`` beside it; False when another one has taken the name.

    Raises:
        OSError: the disk is full, or the place cannot be written; all is as it was before.
    """
    temporary = _beside(folder)
    with _taken_away(temporary):
        _write(temporary, {**files, PENDING: report})
        if not _renamed(temporary, folder):
            return False
        with _put_back(folder, temporary):
            return _bring_out(folder) or _withdrawn(folder, temporary)


def put_anew(path: Path, content: bytes) -> None:
    """Write a file that may exist, such as an index: whoever looks sees the old one or the new one.

    Raises:
        PublicationRefused: the disk is full, or the place cannot be written; the old file is as it was.
    """
    temporary = _beside(path)
    try:
        write_new(temporary, content, mode=PUBLIC_FILE)
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise PublicationRefused(
            f"{path}: could not be written anew: {error.strerror}; what was published before is whole",
            remedy=f"make room and mend the rights, then type `drill history --out {path.parent}`",
        ) from error


def finish_interrupted(out: Path) -> None:
    """Finish what a killed publisher had published all but for its report, and sweep away what it had not."""
    for pending in out.glob(f"[!.]*/{PENDING}"):
        if not (pending.is_symlink() or pending.parent.is_symlink()):
            _bring_out(pending.parent)
    for leftover in out.glob(".publishing-*"):
        if _abandoned(leftover.name):
            _sweep(leftover)


@contextlib.contextmanager
def refusing(out: Path) -> Iterator[None]:
    """Turn what the disk says into a refusal that says where and what to do."""
    try:
        yield
    except OSError as error:
        raise PublicationRefused(
            f"{error.filename or out}: nothing was published: {error.strerror}",
            remedy=f"make room in {out} and make it writable, then render the run again",
        ) from error


def _sweep(leftover: Path) -> None:
    if leftover.is_dir() and not leftover.is_symlink():
        shutil.rmtree(leftover, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        leftover.unlink()


def _beside(path: Path) -> Path:
    """Return a hidden name beside ``path`` that tells who works on it."""
    return path.with_name(f".publishing-{_host()}-{os.getpid()}-{secrets.token_hex(6)}")


def _write(temporary: Path, files: Mapping[str, bytes]) -> None:
    temporary.mkdir()
    for name, content in files.items():
        write_new(temporary / name, content, mode=PUBLIC_FILE)
    flush_folder(temporary)


def _renamed(temporary: Path, folder: Path) -> bool:
    try:
        temporary.rename(folder)
    except OSError as error:
        if error.errno in _OCCUPIED:
            return False
        raise
    flush_folder(folder.parent)
    return True


def _bring_out(folder: Path) -> bool:
    """Give the pending report its place; False when a file that is not it stands there."""
    pending, report = folder / PENDING, report_of(folder)
    # whoever else finishes this publication links the same file, so that both find it in its place
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        os.link(pending, report)
    with contextlib.suppress(FileNotFoundError):
        if not pending.samefile(report):
            return False
    pending.unlink(missing_ok=True)
    flush_folder(folder)
    flush_folder(folder.parent)
    return True


def _withdrawn(folder: Path, temporary: Path) -> bool:
    folder.rename(temporary)
    return False


@contextlib.contextmanager
def _put_back(folder: Path, temporary: Path) -> Iterator[None]:
    """Take the folder back if its report cannot be brought out, unless somebody brought it out meanwhile."""
    try:
        yield
    except OSError:
        if not os.path.lexists(report_of(folder)):
            folder.rename(temporary)
        raise


@contextlib.contextmanager
def _taken_away(temporary: Path) -> Iterator[None]:
    """Leave no temporary folder behind, however the block ends."""
    try:
        yield
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _abandoned(name: str) -> bool:
    """Tell whether the publisher that made a temporary folder ran on this host and is gone."""
    match = _TEMPORARY.fullmatch(name)
    if match is None or match["host"] != _host():
        return False
    try:
        os.kill(int(match["pid"]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _host() -> str:
    return slug(socket.gethostname())
