"""A real Prometheus that scrapes the runtime once a second."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.real_staging.processes import LOOPBACK, answers, free_port, program, running


@contextmanager
def prometheus(folder: Path, runtime: str) -> Generator[str]:
    """Run a Prometheus that scrapes ``runtime`` and yield its address."""
    folder.mkdir()
    job = {"job_name": "runtime", "static_configs": [{"targets": [urlsplit(runtime).netloc]}]}
    settings = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
    # YAML takes JSON as it is.
    (folder / "prometheus.yml").write_text(json.dumps(settings), encoding="utf-8")
    port = free_port()
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
    ]
    address = f"http://{LOOPBACK}:{port}"
    with running(command, folder / "prometheus.log", lambda: answers(f"{address}/-/ready")):
        yield address
