"""What a staging says about itself: where everything is, and the one line that tells its starter that it is up."""

from __future__ import annotations

import os

import orjson
from pydantic import SecretStr

from drills.staging.settings import StagingConfig
from drills.staging.surfaces.plan import socket_url


def addresses(config: StagingConfig) -> dict[str, str]:
    """Return every address of the staging by its name; none has a query."""
    return {
        "console": f"{config.supervisor_url}/",
        "operator": f"{config.supervisor_url}/operator",
        "runtime": config.runtime_url,
        "convex": config.convex_url,
        **config.surface_urls.model_dump(),
        "dashboard": f"{config.runtime_url}/dashboard",
        "metrics": f"{config.runtime_url}/metrics",
        "logs": f"{config.runtime_url}/logs",
        "khala_socket": socket_url(config.runtime_url),
    }


def ready_line(config: StagingConfig, sync_token: SecretStr) -> str:
    """Return the line for a staging that is up. It holds secrets: it is for the starter alone."""
    facts = {
        "ready": True,
        "pid": os.getpid(),
        "urls": addresses(config),
        "operator_token": config.operator_token.get_secret_value(),
        "session_secret": config.session_secret.get_secret_value(),
        "sync_token": sync_token.get_secret_value(),
        "database_url": config.database_url,
        "state_dir": str(config.state_dir),
    }
    return orjson.dumps(facts).decode()


def failed_line(reason: str) -> str:
    """Return the line for a staging that could not start."""
    return orjson.dumps({"ready": False, "error": reason}).decode()
