"""A real Unleash server: the flags of the staging, and the login page in front of its web admin."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.real_staging.processes import LOOPBACK, answers, free_port, program, running

PROJECT, ENVIRONMENT, USER = "default", "development", "operator"


@dataclass(frozen=True, slots=True)
class Unleash:
    """An Unleash that is up, with the secrets that open it."""

    url: str
    admin_token: str
    client_token: str
    password: str

    def create(self, features: Iterable[str]) -> None:
        """Make flags that are off, each with the strategy "everyone"."""
        headers = {"Authorization": self.admin_token}
        with httpx2.Client(base_url=f"{self.url}/api/admin", headers=headers, trust_env=False, timeout=30) as client:
            for feature in features:
                place = f"/projects/{PROJECT}/features"
                client.post(place, json={"name": feature, "type": "release"}).raise_for_status()
                strategies = f"{place}/{feature}/environments/{ENVIRONMENT}/strategies"
                client.post(strategies, json={"name": "default"}).raise_for_status()


@contextmanager
def server(package: Path, database: str, log: Path) -> Generator[Unleash]:
    """Run the Unleash that npm installed in ``package`` on ``database``. It talks to nobody else."""
    port = free_port()
    unleash = Unleash(
        url=f"http://{LOOPBACK}:{port}",
        admin_token=f"*:*.canary-{secrets.token_hex(24)}",
        client_token=f"{PROJECT}:{ENVIRONMENT}.canary-{secrets.token_hex(24)}",
        password=f"Canary-{secrets.token_urlsafe(24)}",
    )
    environment = {
        "HTTP_HOST": LOOPBACK,
        "HTTP_PORT": str(port),
        "UNLEASH_URL": unleash.url,
        "UNLEASH_SECRET": secrets.token_urlsafe(32),
        "UNLEASH_DEFAULT_ADMIN_USERNAME": USER,
        "UNLEASH_DEFAULT_ADMIN_PASSWORD": unleash.password,
        "DATABASE_URL": database,
        "DATABASE_SSL": "false",
        "INIT_ADMIN_API_TOKENS": unleash.admin_token,
        "INIT_CLIENT_API_TOKENS": unleash.client_token,
        "CLIENT_FEATURE_CACHING_ENABLED": "false",
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
    }
    command = [program("node"), f"{package}/dist/server.js"]
    with running(command, log, lambda: answers(f"{unleash.url}/health"), environment=environment):
        yield unleash
