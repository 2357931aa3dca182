"""What a drill ran on: interpreter, operating system, and the packages whose version changes what is seen."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata

#: The name under which the installed packages are published.
CONSTRAINTS = "constraints.txt"
PACKAGES = (
    "khala-drills",
    "playwright",
    "pytest",
    "pytest-playwright",
    "pytest-html",
    "matplotlib",
    "GitPython",
    "jinja2",
    "pydantic",
    "numpy",
    "scipy",
    "prometheus-client",
    "websockets",
)


def versions() -> dict[str, str]:
    """Return the versions a reviewer needs to repeat the drill, by name; what is not installed says so."""
    return {
        "python": platform.python_version(),
        "os": _operating_system(),
        **{package: _version(package) for package in PACKAGES},
    }


def installed() -> bytes:
    """Return every installed package as a line that pip takes as a constraint, in order."""
    named = ((found.metadata["Name"], found.version) for found in metadata.distributions())
    pins = {f"{name}=={version}" for name, version in named if name and version}
    return "".join(f"{pin}\n" for pin in sorted(pins, key=str.lower)).encode()


def run_address(environment: Mapping[str, str]) -> str | None:
    """Return the page of the CI job that this is, where its variables tell it: GitHub, GitLab, Jenkins."""
    server, repository, run = (environment.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    if server and repository and run:
        return f"{server}/{repository}/actions/runs/{run}"
    return environment.get("CI_JOB_URL") or environment.get("BUILD_URL") or None


def _operating_system() -> str:
    kernel = f"{platform.system()} {platform.release()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']} ({kernel})"
    except (OSError, KeyError):
        return kernel


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
