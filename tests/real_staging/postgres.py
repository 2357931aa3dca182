"""A private PostgreSQL, from Debian, with a database for each who wants one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real_staging.processes import LOOPBACK, free_port, program, running

OWNER, READER = "drill", "auditor"
FOLDERS = tuple(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))


@dataclass(frozen=True, slots=True)
class Postgres:
    """A cluster that is up."""

    port: int

    def create(self, name: str) -> str:
        """Make an empty database and return its address, without a driver's name."""
        self._ask("postgres", f'CREATE DATABASE "{name}"')
        return f"postgresql://{OWNER}@{LOOPBACK}:{self.port}/{name}"

    def reader(self, address: str) -> str:
        """Return the address of the same database for an account that may only read."""
        self._ask("postgres", f"CREATE ROLE {READER} LOGIN; GRANT pg_read_all_data TO {READER}")
        return address.replace(f"//{OWNER}@", f"//{READER}@")

    def answers(self) -> bool:
        """Whether the cluster takes connections."""
        words = [program("pg_isready", *FOLDERS), "-q", "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(words, check=False).returncode == 0

    def _ask(self, database: str, sql: str) -> None:
        place = ["-h", LOOPBACK, "-p", str(self.port), "-U", OWNER, "-d", database]
        subprocess.run([program("psql", *FOLDERS), "-q", *place, "-c", sql], check=True, capture_output=True)


@contextmanager
def cluster(log: Path) -> Generator[Postgres]:
    """Run a cluster in a folder of its own; it runs as its own user where this one is root, as PostgreSQL demands."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="real-staging-", ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, user)
        with _serving(Path(folder), log, user) as postgres:
            yield postgres


@contextmanager
def _serving(folder: Path, log: Path, user: str | None) -> Generator[Postgres]:
    create = ["-A", "trust", "-U", OWNER, "--no-sync", "--locale", "C", "--encoding", "UTF8", "-D", str(folder)]
    subprocess.run([program("initdb", *FOLDERS), *create], check=True, capture_output=True, cwd="/", user=user)
    postgres = Postgres(free_port())
    quick = ["-c", "fsync=off", "-c", "unix_socket_directories=", "-c", f"listen_addresses={LOOPBACK}"]
    command = [program("postgres", *FOLDERS), "-D", str(folder), "-p", str(postgres.port), *quick]
    # Nothing in it is worth an orderly shutdown.
    with running(command, log, postgres.answers, user=user, stop=signal.SIGQUIT):
        yield postgres
