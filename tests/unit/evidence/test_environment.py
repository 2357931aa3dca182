"""The table of versions tells a reviewer what to install."""

from __future__ import annotations

import platform
from importlib import metadata

import pytest

from drills.evidence.environment import versions


def test_the_versions_that_matter_are_named() -> None:
    """Python, the system, and the packages, each as it reports itself."""
    table = versions()

    assert table["python"] == platform.python_version()
    assert table["pytest"] == metadata.version("pytest")
    assert platform.release() in table["os"]


def test_what_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing package, or a system without a name, is stated and is no error."""

    def nothing(*_: str) -> str:
        raise metadata.PackageNotFoundError

    def no_release() -> dict[str, str]:
        raise OSError

    monkeypatch.setattr(metadata, "version", nothing)
    monkeypatch.setattr(platform, "freedesktop_os_release", no_release)

    assert versions()["playwright"] == "not installed"
    assert versions()["os"] == f"{platform.system()} {platform.release()}"
