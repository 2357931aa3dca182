"""The target of the kills: a staging of its own, looked at from outside over its operator API."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from drills.target.profile import load_profile, read_secret

DRILL = (sys.executable, "-m", "drills")


class Target:
    """A staging that is up. What it is asked here, no drill and no experiment is asked."""

    def __init__(self, profile: Path) -> None:
        """Use the staging that ``profile`` describes."""
        api = load_profile(profile).operator_api
        assert api is not None, "a staging has one"
        self.profile = profile
        self.url = api.url.rstrip("/")
        self.token = read_secret(api.token)
        headers = {"Authorization": f"Bearer {self.token}"}
        self._client = httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        """Return the target itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self._client.close()

    def values(self) -> dict[str, str | None]:
        """Return the value of every switch that is in effect; None for one that is being changed."""
        listed = self._client.get("/switches").raise_for_status().json()["switches"]
        return {one["id"]: one["value"] if one["state"] == "ready" else None for one in listed}

    def set(self, values: Mapping[str, str | None]) -> None:
        """Ask for values, as a person would who tidies up."""
        for switch, value in values.items():
            self._client.put(f"/switches/{switch}", json={"value": value}).raise_for_status()

    def end_lease(self) -> None:
        """Give back the lease that a dead drill left, rather than wait until it runs out."""
        if lease := self._client.get("/lease").raise_for_status().json()["data"]:
            self._client.delete("/lease", params={"token": lease["token"]})


@contextmanager
def staging(folder: Path) -> Iterator[Target]:
    """Start a staging as an operator would, with its profile in ``folder``, and end it again."""
    profile = folder / "staging.toml"
    command = [*DRILL, "staging", "up", "--json", "--profile", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            json.loads(process.stdout.readline())
            with Target(profile) as target:
                yield target
        finally:
            process.terminate()
