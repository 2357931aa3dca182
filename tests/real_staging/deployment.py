"""``python -m tests.real_staging.deployment``: deploys the product and follows the flags that Unleash holds.

Runtime, legacy lane and three surfaces are processes of their own. A surface reads its flag once, when it starts, as
real builds do; when the flag changes in Unleash the surface is deployed again. Standard input is a JSON document that
says where everything is; the deployment ends when standard input does.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx2
from pydantic import BaseModel

from drills.staging import settings
from drills.staging.settings import StagingConfig
from drills.staging.surfaces.table import OFF, ON, SURFACES
from tests.real_staging.processes import LOOPBACK, NotReadyError, answers, passed

LOOK_SECONDS, STOP_SECONDS = 0.2, 5.0
PROCESSES = {
    "runtime": ("drills.staging.runtime",),
    "convex": ("drills.staging.convex",),
    **{surface: ("drills.staging.surfaces", surface) for surface in SURFACES},
}


class Order(BaseModel):
    """What is to be deployed: on which database, with which flags, and the address that the web admin is seen at."""

    folder: Path
    database: str
    web: str
    unleash: str
    client_token: str
    features: dict[str, str]


class Deployed(BaseModel):
    """What was deployed: the address of each process, and the secrets that open the runtime."""

    urls: dict[str, str]
    operator_token: str
    session: str


@dataclass
class Unit:
    """One process on a socket that outlives it, and the flag it was deployed with."""

    name: str
    listener: socket.socket
    folder: Path
    flag: str = OFF
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """The address of the process."""
        return f"http://{LOOPBACK}:{self.listener.getsockname()[1]}"

    def deploy(self) -> None:
        """Start the process anew."""
        self.stop()
        environment = {
            settings.CONFIG_VARIABLE: str(self.folder / "config.json"),
            settings.SOCKET_VARIABLE: str(self.listener.fileno()),
            settings.LEASH_VARIABLE: "1",
            **({SURFACES[self.name].flag: self.flag} if self.name in SURFACES else {}),
        }
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *PROCESSES[self.name]],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=passed(environment),
                pass_fds=[self.listener.fileno()],
            )

    def wait(self) -> None:
        """Return when the process answers.

        Raises:
            NotReadyError: it ended instead.
        """
        while not answers(f"{self.url}/healthz"):
            if self._process is None or self._process.poll() is not None:
                raise NotReadyError(f"{self.name} ended; see its log in {self.folder}")

    def stop(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        if process.stdin:
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()


class Deployment:
    """All processes of the product."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._open = ExitStack()
        listening = (self._open.enter_context(socket.create_server((LOOPBACK, 0), backlog=256)) for _ in PROCESSES)
        self.units = {name: Unit(name, one, order.folder) for name, one in zip(PROCESSES, listening, strict=True)}
        self.config = _config(order, {name: unit.url for name, unit in self.units.items()})
        settings.save(self.config, order.folder / "config.json")

    def __enter__(self) -> Self:
        # One after another: the first makes the tables.
        for unit in self.units.values():
            self._open.callback(unit.stop)
            unit.deploy()
            unit.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def deployed(self) -> Deployed:
        """Return what others need to know."""
        return Deployed(
            urls={name: unit.url for name, unit in self.units.items()},
            operator_token=self.config.operator_token.get_secret_value(),
            session=self.config.session_secret.get_secret_value(),
        )

    def follow(self, ended: threading.Event) -> None:
        """Deploy each surface again whose flag was changed, until ``ended``."""
        headers = {"Authorization": self._order.client_token}
        with httpx2.Client(headers=headers, trust_env=False) as client:
            while not ended.wait(LOOK_SECONDS):
                answer = client.get(f"{self._order.unleash}/api/client/features").raise_for_status()
                on = {feature["name"] for feature in answer.json()["features"] if feature["enabled"]}
                self._catch_up({name: ON if flag in on else OFF for name, flag in self._order.features.items()})

    def _catch_up(self, flags: Mapping[str, str]) -> None:
        for name, flag in flags.items():
            unit = self.units[name]
            if unit.flag != flag:
                unit.flag = flag
                unit.deploy()


@contextmanager
def deployment(order: Order) -> Iterator[Deployed]:
    """Run a deployment in a process of its own and yield what it deployed."""
    command = [sys.executable, "-m", "tests.real_staging.deployment"]
    with (
        (order.folder / "deployment.log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(order.model_dump_json().encode() + b"\n")
        process.stdin.flush()
        try:
            yield Deployed.model_validate_json(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait()


def main() -> None:
    """Deploy what standard input says, tell where on standard output, and follow the flags until the input ends."""
    ended = threading.Event()
    order = Order.model_validate_json(sys.stdin.readline())
    with Deployment(order) as running:
        sys.stdout.write(running.deployed().model_dump_json() + "\n")
        sys.stdout.flush()
        threading.Thread(target=_set_at_the_end_of_input, args=(ended,), daemon=True).start()
        running.follow(ended)


def _set_at_the_end_of_input(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def _config(order: Order, urls: Mapping[str, str]) -> StagingConfig:
    """Return the config of the product's processes; nobody but nginx knows the web admin's own address."""
    key = {"kid": "real", "secret": f"canary-{secrets.token_urlsafe(32)}", "current": True}
    return StagingConfig.model_validate(
        {
            "database_url": order.database.replace("postgresql://", "postgresql+psycopg://"),
            "runtime_url": urls["runtime"],
            "convex_url": urls["convex"],
            "supervisor_url": order.web,
            "surface_urls": {"web": order.web, "mobile": urls["mobile"], "desktop": urls["desktop"]},
            "operator_token": f"canary-{secrets.token_urlsafe(32)}",
            "session_secret": f"canary-{secrets.token_urlsafe(32)}",
            "jwt_keys": [key],
            "state_dir": order.folder,
            "parity_enabled": True,
            "legacy_poll_seconds": 1.0,
            "convex_poll_seconds": 1.0,
            # The desktop's window is a Chromium that was started by somebody else.
            "browser_executable": "/bin/true",
        }
    )


if __name__ == "__main__":
    main()
