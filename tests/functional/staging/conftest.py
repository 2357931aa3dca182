"""Real processes of the staging, a Phoenix client to talk to them, and databases for both kinds of store."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import ClientConnection, connect

from drills import phoenix
from drills.staging import settings
from drills.staging.settings import JwtKey, StagingConfig, SurfaceUrls

CHANNEL = "sync:v1"
WORKERS = "runtime.codex_worker_summaries"
RUNS = "runtime.run_summaries"
PATIENCE = 20.0
SURFACES = SurfaceUrls(web="http://127.0.0.1:4101", mobile="http://127.0.0.1:4102", desktop="http://127.0.0.1:4103")
POSTGRES = Path("/usr/lib/postgresql/15/bin")

Json = dict[str, Any]
Wait = Callable[[Callable[[], object], str], None]


def wait_for(look: Callable[[], object], what: str) -> None:
    """Return once ``look`` returns something true."""
    end = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.01)


class Client:
    """A Phoenix client on one socket. Pushes are kept until they are asked for."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._count = 0
        self._pushed: list[phoenix.Frame] = []
        self.join_ref: str | None = None

    def send(self, event: str, payload: Json, topic: str = CHANNEL) -> str:
        """Send one request and return its reference."""
        self._count += 1
        reference = str(self._count)
        if event == phoenix.JOIN:
            self.join_ref = reference
        self._connection.send(phoenix.Frame(self.join_ref, reference, topic, event, payload).encode())
        return reference

    def ask(self, event: str, payload: Json | None = None, topic: str = CHANNEL) -> tuple[str, Json]:
        """Send one request and return the status and response of its reply."""
        reference = self.send(event, payload or {}, topic)
        while True:
            frame = self.receive()
            if frame.event == phoenix.REPLY and frame.ref == reference:
                answer: Json = dict(frame.payload)
                return answer["status"], answer["response"]
            self._pushed.append(frame)

    def join(self) -> Self:
        """Join the channel."""
        assert self.ask(phoenix.JOIN)[0] == "ok"
        return self

    def push(self, event: str) -> phoenix.Frame:
        """Return the next push of this name; pushes of other names are kept."""
        for index, frame in enumerate(self._pushed):
            if frame.event == event:
                return self._pushed.pop(index)
        while (frame := self.receive()).event != event:
            self._pushed.append(frame)
        return frame

    def batch(self) -> Json:
        """Return the next batch of updates."""
        return dict(self.push("sync:update_batch").payload)

    def receive(self, timeout: float = PATIENCE) -> phoenix.Frame:
        """Return the next frame that arrives."""
        return phoenix.decode(self._connection.recv(timeout))

    def write_raw(self, text: str) -> None:
        """Send ``text`` as it is."""
        self._connection.send(text)


@dataclass
class Runtime:
    """A running runtime process and what is needed to speak to it."""

    config: StagingConfig
    process: subprocess.Popen[bytes]
    http: httpx2.Client

    def token(self, *scopes: str) -> str:
        """Mint a sync token."""
        answer = self.http.post("/api/sync/token", json={"scopes": scopes or (WORKERS, RUNS)}, headers=self.session)
        return str(answer.raise_for_status().json()["data"]["token"])

    @property
    def session(self) -> dict[str, str]:
        """Headers of a signed-in user."""
        return {"Authorization": f"Bearer {self.config.session_secret.get_secret_value()}"}

    def socket_url(self, token: str, version: str = "2.0.0") -> str:
        """Return the address of the Khala socket."""
        base = self.config.runtime_url.replace("http", "ws", 1)
        return f"{base}/sync/socket/websocket?token={token}&vsn={version}"

    @contextmanager
    def connected(self, token: str | None = None) -> Iterator[Client]:
        """Yield a client whose socket is open; ``token`` defaults to one for every topic with documents."""
        with connect(self.socket_url(token or self.token()), proxy=None, close_timeout=1) as connection:
            yield Client(connection)

    def operate(self, method: str, path: str, body: object = None) -> Json:
        """Ask the operator API and return its answer."""
        token = self.config.operator_token.get_secret_value()
        headers = {"Authorization": f"Bearer {token}"}
        answer = self.http.request(method, f"/operator{path}", json=body, headers=headers)
        return dict(answer.raise_for_status().json())

    def put(self, key: str, value: str) -> None:
        """Put one setting into effect."""
        self.operate("PUT", f"/settings/{key}", {"value": value})

    def stimulate(self, entity: str = "codex_worker", entity_id: str | None = None) -> Json:
        """Have the authority write one event."""
        body = {"entity": entity} | ({"id": entity_id} if entity_id else {})
        return dict(self.operate("POST", "/stimulus", body)["data"])

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of this name whose labels include ``labels``."""
        families = text_string_to_metric_families(self.http.get("/metrics").text)
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == f"openagents_runtime_{name}" and labels.items() <= sample.labels.items()
        )

    def head(self, topic: str) -> int:
        """Return the newest watermark of a topic."""
        return int(self.http.get("/api/sync/documents", params={"topic": topic}).json()["watermark"])

    def in_parity(self) -> bool:
        """Whether both lanes hold exactly what the authority holds."""
        held = self.operate("GET", "/parity")["data"]
        authority = self.operate("GET", "/authority")["data"]
        heads = {
            f"runtime/{kind}_summary:{name}": state["seq"]
            for kind, names in authority.items()
            for name, state in names.items()
        }
        convex = {key: (one["seq"], one["summary_hash"]) for key, one in held["checkpoints"].items()}
        khala = {key: (one["doc_version"], one["summary_hash"]) for key, one in held["read_models"].items()}
        return convex == khala and {key: seq for key, (seq, _hash) in convex.items()} == heads

    def stop(self) -> int:
        """Ask the process to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


def listening() -> socket.socket:
    """Return a socket that listens on a free loopback port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the HTTP address of a listening socket."""
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def key(kid: str, *, current: bool = False) -> JwtKey:
    """Return a new signing key."""
    return JwtKey.model_validate({"kid": kid, "secret": f"canary-{secrets.token_urlsafe(32)}", "current": current})


@contextmanager
def child(module: str, config: Path, listener: socket.socket, faults: str = "") -> Generator[subprocess.Popen[bytes]]:
    """Run a process of the staging on ``listener``; it ends with the block."""
    environment = {
        **os.environ,
        settings.CONFIG_VARIABLE: str(config),
        settings.SOCKET_VARIABLE: str(listener.fileno()),
        settings.LEASH_VARIABLE: "1",
        settings.FAULTS_VARIABLE: faults,
        "PYTHONWARNINGS": "error",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, env=environment, pass_fds=[listener.fileno()]
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE)


def configured(folder: Path, runtime_url: str, convex_url: str, **changes: object) -> StagingConfig:
    """Return a config that stands still unless ``changes`` say otherwise, and write it to ``folder``."""
    config = StagingConfig.model_validate(
        {
            "database_url": f"sqlite:///{folder / 'staging.sqlite'}",
            "runtime_url": runtime_url,
            "convex_url": convex_url,
            "supervisor_url": "http://127.0.0.1:4100",
            "surface_urls": SURFACES,
            "operator_token": f"canary-{secrets.token_urlsafe()}",
            "session_secret": f"canary-{secrets.token_urlsafe()}",
            "jwt_keys": (key("current", current=True), key("previous")),
            "state_dir": folder,
            "simulator_rate": 0,
            **changes,
        }
    )
    settings.save(config, folder / "config.json")
    return config


Start = Callable[..., AbstractContextManager[Runtime]]
Serve = Callable[[str, Path], AbstractContextManager[httpx2.Client]]


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Return a function that runs a module of the staging with a config file and yields an HTTP client for it."""

    @contextmanager
    def serving(module: str, config: Path) -> Generator[httpx2.Client]:
        with ExitStack() as stack:
            listener = stack.enter_context(listening())
            stack.enter_context(child(module, config, listener))
            yield stack.enter_context(httpx2.Client(base_url=url_of(listener), trust_env=False, timeout=PATIENCE))

    return serving


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Return a function that runs a runtime: ``start(faults="", **config changes)``."""

    @contextmanager
    def running(faults: str = "", **changes: object) -> Generator[Runtime]:
        folder = tmp_path_factory.mktemp("staging")
        with ExitStack() as stack:
            listener = stack.enter_context(listening())
            url = url_of(listener)
            config = configured(folder, url, "http://127.0.0.1:4104", **changes)
            process = stack.enter_context(child("drills.staging.runtime", folder / "config.json", listener, faults))
            http = stack.enter_context(httpx2.Client(base_url=url, trust_env=False, timeout=PATIENCE))
            assert http.get("/healthz").json()["pid"] == process.pid
            yield Runtime(config, process, http)

    return running


@pytest.fixture(scope="session")
def runtime(start: Start) -> Iterator[Runtime]:
    """A runtime that many tests share: nothing happens in it by itself, and no test leaves it changed."""
    with start() as shared:
        yield shared


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[[], str]]:
    """Return a function that makes an empty database in a private PostgreSQL cluster and returns its address."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    if not (POSTGRES / "initdb").exists():
        pytest.skip("PostgreSQL is not installed")
    with cluster() as address:
        wait_for(lambda: answers(psycopg, address), "PostgreSQL answers")

        def create() -> str:
            name = f"drill_{secrets.token_hex(6)}"
            with psycopg.connect(f"postgresql://drill@{address}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            return f"postgresql+psycopg://drill@{address}/{name}"

        yield create


@contextmanager
def cluster() -> Generator[str]:
    """Run a private PostgreSQL and yield its host and port; it runs as its own user where this one is root."""
    user = "postgres" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="khala-postgres-", ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, user)
        address = url_of(probe := listening()).removeprefix("http://")
        probe.close()
        create = ["-A", "trust", "-U", "drill", "--no-sync", "--locale", "C", "--encoding", "UTF8", "-D", folder]
        subprocess.run([POSTGRES / "initdb", *create], check=True, capture_output=True, cwd="/", user=user)
        quick = ["-c", "fsync=off", "-c", "unix_socket_directories=", "-c", "listen_addresses=127.0.0.1"]
        command = [str(POSTGRES / "postgres"), "-D", folder, "-p", address.partition(":")[2], *quick]
        server = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, user=user)
        try:
            yield address
        finally:
            # Nothing in it is worth an orderly shutdown.
            server.send_signal(signal.SIGQUIT)
            server.wait(PATIENCE)


def answers(psycopg: ModuleType, address: str) -> bool:
    """Whether the cluster takes connections yet."""
    try:
        psycopg.connect(f"postgresql://drill@{address}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'staging.sqlite'}"
    create: Callable[[], str] = request.getfixturevalue("new_postgres")
    return create()


@pytest.fixture(scope="session")
def wait() -> Wait:
    """Return a function that waits for a condition, by looking again and again."""
    return wait_for
