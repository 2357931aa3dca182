"""What the processes of the embedded staging are told at start: one file, written by the supervisor, read by all.

The path travels in :data:`CONFIG_VARIABLE`. The file holds every secret of the environment, so only its owner may
read it (mode 0600); printing a config never shows one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    SerializationInfo,
    ValidationError,
    model_validator,
)

from drills.errors import ConfigurationError

#: Names of the environment variables by which a supervisor speaks to its children.
CONFIG_VARIABLE = "STAGING_CONFIG"
SOCKET_VARIABLE = "STAGING_FD"
LEASH_VARIABLE = "STAGING_LEASHED"
FAULTS_VARIABLE = "STAGING_FAULTS"

_REVEALED = {"secrets": "revealed"}


def _secret(value: SecretStr, info: SerializationInfo) -> str:
    return value.get_secret_value() if info.context == _REVEALED else str(value)


Secret = Annotated[SecretStr, PlainSerializer(_secret)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Frozen(BaseModel):
    """A record that cannot change and takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SurfaceUrls(Frozen):
    """Where the three surfaces are served, without a trailing slash; each is an origin of its own."""

    web: str
    mobile: str
    desktop: str

    def all(self) -> tuple[str, str, str]:
        """Return the three origins."""
        return self.web, self.mobile, self.desktop


class JwtKey(Frozen):
    """A key that signs sync tokens. Tokens of every listed key are accepted, the current one signs."""

    kid: Annotated[str, Field(min_length=1)]
    secret: Secret
    current: bool = False


class StagingConfig(Frozen):
    """Everything a process of the staging needs to know. Durations are seconds, rates events per second.

    Payloads above ``inline_payload_bytes`` travel as pointers: their readers hydrate over HTTP. A topic whose
    ``first_watermark`` is above 1 looks as though everything before it had been pruned.
    """

    database_url: str
    runtime_url: str
    convex_url: str
    supervisor_url: str
    surface_urls: SurfaceUrls
    operator_token: Secret
    session_secret: Secret
    jwt_keys: Annotated[tuple[JwtKey, ...], Field(min_length=1)]
    state_dir: Path
    legacy_poll_seconds: Seconds = 5.0
    convex_poll_seconds: Seconds = 2.0
    workers: Annotated[int, Field(ge=1, le=200)] = 6
    runs: Annotated[int, Field(ge=0, le=200)] = 3
    simulator_rate: Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = 4.0
    parity_enabled: bool = False
    parity_interval_seconds: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.0
    parity_sample: Annotated[int, Field(ge=1, le=10_000)] = 200
    retention_horizon_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 86_400
    retention_interval_seconds: Seconds = 30
    first_watermark: Annotated[int, Field(ge=1)] = 1
    heartbeat_seconds: Seconds = 15
    channel_timeout_seconds: Seconds = 60
    slow_consumer_seconds: Seconds = 3
    token_ttl_seconds: Annotated[int, Field(ge=60, le=900)] = 300
    inline_payload_bytes: Annotated[int, Field(ge=0, le=256 * 1024)] = 256 * 1024
    browser_executable: Path | None = None

    @model_validator(mode="after")
    def _one_current_key(self) -> StagingConfig:
        if sum(key.current for key in self.jwt_keys) != 1:
            raise ValueError("exactly one of jwt_keys must be current")
        return self


def save(config: StagingConfig, path: Path) -> None:
    """Write ``config``, secrets included, to a new file that only its owner can read.

    Raises:
        FileExistsError: ``path`` is taken; nothing is overwritten.
    """
    content = config.model_dump_json(context=_REVEALED).encode()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def load(path: Path) -> StagingConfig:
    """Read the config file at ``path``.

    Raises:
        ConfigurationError: the file cannot be read or is not a config; every mistake is listed.
    """
    try:
        return StagingConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the staging config cannot be read: {error}") from None
    except ValidationError as error:
        # Inputs are left out: they may be secrets.
        mistakes = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)]
        raise ConfigurationError(f"{path} is not a staging config", mistakes=mistakes) from None


def from_environment() -> StagingConfig:
    """Read the config file that :data:`CONFIG_VARIABLE` names.

    Raises:
        ConfigurationError: the variable is not set, or :func:`load` refuses the file.
    """
    if not (path := os.environ.get(CONFIG_VARIABLE)):
        raise ConfigurationError(
            f"{CONFIG_VARIABLE} is not set", remedy="start the whole environment with `drill staging up`"
        )
    return load(Path(path))
