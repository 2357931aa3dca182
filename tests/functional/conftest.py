"""One Prometheus with a past, for all tests that ask one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.functional.history import free_port, openmetrics, serving


@pytest.fixture(scope="session")
def end() -> datetime:
    """Return the moment of the last sample, a while ago, so that it lies inside a finished block."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory, end: datetime) -> Path:
    """Return a file of samples, in OpenMetrics."""
    path = tmp_path_factory.mktemp("history") / "samples.om"
    path.write_text(openmetrics(end))
    return path


@pytest.fixture(scope="session")
def prometheus_url(tmp_path_factory: pytest.TempPathFactory, history: Path) -> Iterator[str]:
    """Start a Prometheus over the same samples, return its address, and stop it afterwards."""
    if shutil.which("prometheus") is None or shutil.which("promtool") is None:
        pytest.skip("needs prometheus and promtool (Debian package: prometheus)")
    home = tmp_path_factory.mktemp("prometheus")
    (home / "prometheus.yml").write_text("global: {}\n")
    backfill = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(history), "data"]
    subprocess.run(backfill, cwd=home, check=True, timeout=60, capture_output=True)
    address = f"127.0.0.1:{free_port()}"
    with serving(home, address):
        yield f"http://{address}"
