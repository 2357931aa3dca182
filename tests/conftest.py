"""What is left to the nightly run."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests marked ``nightly`` out where nobody names a file or folder: ``nox -s tests -- tests`` runs them all.

    They drill as long as a whole drill, and differ from a test of every run in detail only.
    """
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if item not in nightly]
