"""What a drill ran on: interpreter, operating system, and the packages whose version changes what is seen."""

from __future__ import annotations

import platform
from importlib import metadata

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
