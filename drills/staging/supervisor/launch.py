"""What a supervisor is started with, and the sockets, folders and secrets that it makes from that."""

from __future__ import annotations

import secrets
import shutil
import socket
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from pydantic import SecretStr, ValidationError

from drills.errors import ConfigurationError
from drills.staging import settings
from drills.staging.settings import JwtKey, StagingConfig
from drills.staging.surfaces.table import SURFACES

LOOPBACK: Final = "127.0.0.1"
BROWSER_VARIABLE: Final = "DRILL_BROWSER"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADDRESSES: Final = ("supervisor", "runtime", "convex", *SURFACES)
#: So that a cursor from before everything is a stale one from the first moment on, as in an environment of some age.
FIRST_WATERMARK: Final = 1001
SECRET_BYTES: Final = 32
BACKLOG: Final = 256


@dataclass(frozen=True, slots=True)
class Options:
    """The command line. None means that the supervisor chooses, or that the settings' own default holds."""

    with_parent: bool = False
    faults: tuple[str, ...] = ()
    database_url: str | None = None
    state_dir: Path | None = None
    legacy_poll_seconds: float | None = None
    convex_poll_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """Everything a staging stands on: the config and its file, and one listening socket for each address."""

    config: StagingConfig
    config_path: Path
    listeners: Mapping[str, socket.socket]
    temporary: bool

    def clean_up(self) -> None:
        """Close the sockets, and remove what was made for this start only: the secrets, the temporary folder."""
        for listener in self.listeners.values():
            listener.close()
        self.config_path.unlink(missing_ok=True)
        if self.temporary:
            shutil.rmtree(self.config.state_dir, ignore_errors=True)


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; a mistake in it ends the process with code 2, as ``argparse`` does."""
    parser = ArgumentParser(prog="python -m drills.staging", description="Run the embedded staging environment.")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="inject a fault; may be repeated")
    parser.add_argument("--database-url", metavar="URL", help="SQLAlchemy URL (default: SQLite in the state folder)")
    parser.add_argument("--state-dir", type=Path, metavar="DIR", help="private folder (default: a temporary one)")
    parser.add_argument("--legacy-poll-seconds", type=float, metavar="F", help="pace of the web's legacy polling")
    parser.add_argument("--convex-poll-seconds", type=float, metavar="F", help="pace of the Convex provider")
    read = parser.parse_args(arguments)
    return Options(
        with_parent=read.with_parent,
        faults=tuple(read.fault),
        database_url=read.database_url,
        state_dir=read.state_dir,
        legacy_poll_seconds=read.legacy_poll_seconds,
        convex_poll_seconds=read.convex_poll_seconds,
    )


def prepare(options: Options, environment: Mapping[str, str]) -> Launch:
    """Make the state folder, bind every address, invent the secrets, and write the config for the children.

    Raises:
        ConfigurationError: no browser was found, or an option has a value that the settings refuse.
    """
    browser = find_browser(environment)
    state_dir = private_folder(options.state_dir)
    with ExitStack() as undo:
        listeners = {
            name: undo.enter_context(socket.create_server((LOOPBACK, 0), backlog=BACKLOG)) for name in ADDRESSES
        }
        config = make_config(
            options, {name: address(listener) for name, listener in listeners.items()}, state_dir, browser
        )
        path = state_dir / f"config-{secrets.token_hex(4)}.json"
        settings.save(config, path)
        undo.pop_all()
    return Launch(config, path, listeners, temporary=options.state_dir is None)


def make_config(options: Options, urls: Mapping[str, str], state_dir: Path, browser: Path) -> StagingConfig:
    """Return the config of one start, with secrets that were never used before.

    Raises:
        ConfigurationError: an option has a value that the settings refuse; every mistake is listed.
    """
    paces = {"legacy_poll_seconds": options.legacy_poll_seconds, "convex_poll_seconds": options.convex_poll_seconds}
    facts = {
        "database_url": options.database_url or f"sqlite:///{state_dir / 'staging.sqlite'}",
        "runtime_url": urls["runtime"],
        "convex_url": urls["convex"],
        "supervisor_url": urls["supervisor"],
        "surface_urls": {name: urls[name] for name in SURFACES},
        "operator_token": secrets.token_urlsafe(SECRET_BYTES),
        "session_secret": secrets.token_urlsafe(SECRET_BYTES),
        "jwt_keys": (_key(current=True), _key(current=False)),
        "state_dir": state_dir,
        "browser_executable": browser,
        "first_watermark": FIRST_WATERMARK,
        "parity_enabled": True,  # as the runbook presumes of the environment that is drilled
        **{name: pace for name, pace in paces.items() if pace is not None},
    }
    try:
        return StagingConfig.model_validate(facts)
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)]
        raise ConfigurationError("the staging cannot be started like this", mistakes=mistakes) from None


def find_browser(environment: Mapping[str, str]) -> Path:
    """Return the Chromium for the desktop's window: what ``DRILL_BROWSER`` names, or else what the PATH has.

    Raises:
        ConfigurationError: there is none.
    """
    named = environment.get(BROWSER_VARIABLE)
    for command in (named,) if named else BROWSERS:
        if found := shutil.which(command, path=environment.get("PATH")):
            return Path(found)
    what = (
        f"{BROWSER_VARIABLE} names {named!r}, which cannot be started" if named else "there is no Chromium on the PATH"
    )
    raise ConfigurationError(what, remedy=f"set {BROWSER_VARIABLE} to a Chromium or Chrome executable")


def private_folder(wanted: Path | None) -> Path:
    """Return the state folder, made if need be, which only its owner may enter."""
    if wanted is None:
        return Path(mkdtemp(prefix="khala-staging-"))
    wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    return wanted.resolve()


def address(listener: socket.socket) -> str:
    """Return the URL of what is served on ``listener``, without a trailing slash."""
    host, port = listener.getsockname()
    return f"http://{host}:{port}"


def _key(*, current: bool) -> JwtKey:
    secret = SecretStr(secrets.token_urlsafe(SECRET_BYTES))
    return JwtKey(kid=f"staging-{secrets.token_hex(4)}", secret=secret, current=current)
