"""The lease of a target: one drill at a time, and everyone else is told who holds it.

The file lock tells who is alive on this host, and the kernel lets go of it however its holder ends. The owner record
beside it says who that is. On a state folder that several hosts share, a file lock cannot be trusted: there the record
of another host holds until it expires.
"""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, ValidationError

from drills.clock import Clock
from drills.errors import LeaseHeld, SafetyNetLost
from drills.restore.journal import sync_folder
from drills.restore.state import StateFolder

#: Seconds that a lease holds without being renewed.
TERM = 900.0
#: Seconds to wait for one who only looks, such as `drill restore --list`.
_GLANCE = 0.1


class LeaseOwner(BaseModel):
    """Who asks for a lease."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    who: str
    host: str
    pid: int
    drill_id: str

    @classmethod
    def here(cls, drill_id: str) -> LeaseOwner:
        """Return this process and its user as owner, for the drill ``drill_id``."""
        return cls(who=_user(), host=socket.gethostname(), pid=os.getpid(), drill_id=drill_id)


class LeaseRecord(BaseModel):
    """Who holds a target, since when, and until when unless renewed. ``token`` is new for every lease taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str
    owner: LeaseOwner
    token: str
    since: datetime
    expires_at: datetime

    def describe(self) -> str:
        """Return the holder in words."""
        owner = self.owner
        return (
            f"drill {owner.drill_id}, {owner.who} on {owner.host} (pid {owner.pid}), "
            f"since {self.since:%Y-%m-%d %H:%M:%S} UTC, until {self.expires_at:%H:%M:%S} UTC unless renewed"
        )


class Lease:
    """A lease that is held until it is released, or left as a context manager."""

    def __init__(self, path: Path, lock: FileLock, record: LeaseRecord, clock: Clock) -> None:
        """Not called directly: :meth:`take` and :meth:`take_at` return leases."""
        self._path = path
        self._lock = lock
        self._clock = clock
        self.record = record

    @classmethod
    def take(cls, state: StateFolder, target_key: str, owner: LeaseOwner, clock: Clock) -> Lease:
        """Take the lease of a target.

        Raises:
            LeaseHeld: someone else holds it; the message says who, and how to take over.
            SafetyNetLost: the state folder cannot be written.
        """
        return cls.take_at(state.lease(target_key), target_key, owner, clock)

    @classmethod
    def take_at(cls, path: Path, target: str, owner: LeaseOwner, clock: Clock) -> Lease:
        """Take the lease whose owner record lies at ``path``; ``target`` is its name for the reader.

        Raises:
            LeaseHeld: someone else holds it.
            SafetyNetLost: the state folder cannot be written.
        """
        lock = FileLock(_lock_of(path), timeout=_GLANCE, poll_interval=0.02, mode=0o600, thread_local=False)
        try:
            lock.acquire()
            lease = cls(path, lock, _new_record(target, owner, clock.now()), clock)
            _refuse_other_host(path, target, owner, clock.now())
            lease._write()
        except Timeout:
            raise _held(target, read_record(path)) from None
        except LeaseHeld:
            lock.release()
            raise
        except OSError as error:
            lock.release()
            raise SafetyNetLost(
                f"the lease of {target} cannot be written to {path}: {error.strerror}; no switch was flipped",
                remedy="free space on that disk, or point XDG_STATE_HOME at another one",
            ) from None
        return lease

    def check(self) -> None:
        """Make sure that the lease is still ours.

        Raises:
            SafetyNetLost: it was taken over, or its record was taken away.
        """
        found = read_record(self._path)
        if found is None or found.token != self.record.token:
            now_with = f"; it is now with {found.describe()}" if found else ""
            raise SafetyNetLost(
                f"the lease of {self.record.target} was taken from drill {self.record.owner.drill_id}{now_with}",
                remedy="let the other drill finish, then run this one again",
            )

    def renew(self) -> None:
        """Hold the lease for another term.

        Raises:
            SafetyNetLost: it was taken over.
            OSError: the record cannot be written.
        """
        self.check()
        self.record = self.record.model_copy(update={"expires_at": _term_from(self._clock.now())})
        self._write()

    def release(self) -> None:
        """Give the lease back; a record that is no longer ours is left alone."""
        found = read_record(self._path)
        if found is not None and found.token == self.record.token:
            self._path.unlink(missing_ok=True)
        self._lock.release()

    def __enter__(self) -> Self:
        """Return the lease itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the lease back."""
        self.release()

    def _write(self) -> None:
        fresh = self._path.with_suffix(f".{self.record.token}.new")
        try:
            descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(self.record.model_dump_json())
                stream.flush()
                os.fsync(stream.fileno())
            fresh.replace(self._path)
        finally:
            fresh.unlink(missing_ok=True)
        sync_folder(self._path.parent)


def read_record(path: Path) -> LeaseRecord | None:
    """Return the owner record at ``path``; None when there is none, or none that can be read."""
    try:
        return LeaseRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def holder(path: Path) -> LeaseRecord | None:
    """Return the record at ``path`` if its holder lives; None when the lease is free for the taking on this host."""
    lock = FileLock(_lock_of(path), timeout=0, mode=0o600, thread_local=False)
    try:
        with lock:
            return None
    except Timeout:
        return read_record(path)


def seize(path: Path) -> None:
    """Take a lease out of its holder's hands: the next one to ask gets it, and the old holder's checks fail."""
    path.unlink(missing_ok=True)
    _lock_of(path).unlink(missing_ok=True)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _term_from(moment: datetime) -> datetime:
    return moment + timedelta(seconds=TERM)


def _new_record(target: str, owner: LeaseOwner, now: datetime) -> LeaseRecord:
    return LeaseRecord(target=target, owner=owner, token=uuid.uuid4().hex, since=now, expires_at=_term_from(now))


def _refuse_other_host(path: Path, target: str, owner: LeaseOwner, now: datetime) -> None:
    found = read_record(path)
    if found is not None and found.owner.host != owner.host and found.expires_at > now:
        raise _held(target, found)


def _held(target: str, record: LeaseRecord | None) -> LeaseHeld:
    if record is None:
        return LeaseHeld(f"the lease of {target} is held by a process that is just taking it or giving it back",
                         remedy="try again in a moment")  # fmt: skip
    return LeaseHeld(
        f"{target} is held by {record.describe()}",
        remedy=f"wait for it, or take over with `drill restore --force-unlock {record.owner.drill_id}`",
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return f"uid {os.getuid()}"
