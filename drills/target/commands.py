"""One command of an operator: a list of words without a shell, in a process group of its own, with an end.

It sees little of the drill's environment, and what it prints is redacted before anybody reads it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from drills.errors import ConfigurationError, SwitchFailed
from drills.evidence.redaction import Redactor
from drills.target.fields import SecretReference, read_secret

#: What every command sees of the environment: where programs and settings are, and in which language to speak.
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT")
#: What a program with a window needs besides.
FOR_WINDOWS = ("DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
MAXIMUM_OUTPUT = 65536
_WORDS_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Run:
    """What is run. ``what`` names its purpose; ``environment`` are names to pass on, ``secrets`` names to fill."""

    what: str
    argv: Sequence[str]
    timeout_seconds: float
    environment: Sequence[str] = ()
    secrets: Mapping[str, SecretReference] = field(default_factory=dict)
    directory: Path | None = None


def run(wanted: Run) -> str:
    """Run a command to its end and return what it wrote to standard output, without surrounding space.

    Raises:
        SwitchFailed: it cannot be started, says no, takes too long, or prints too much.
        ProfileInvalid: a secret is not there.
    """
    secrets = {name: read_secret(reference) for name, reference in wanted.secrets.items()}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(  # noqa: S603 - the profile's own words, no shell
                list(wanted.argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=wanted.directory,
                env=passed_on(wanted.environment) | secrets,
                start_new_session=True,
            )
        except OSError as error:
            raise SwitchFailed(
                f"{wanted.what}: {wanted.argv[0]} does not start: {error.strerror}", remedy="check the command"
            ) from None
        status = _wait(process, wanted)
        if status:
            words = _shown(_read(errors) or _read(output), secrets)
            raise SwitchFailed(f"{wanted.what}: {wanted.argv[0]} ended with {status}{words}", remedy="run it by hand")
        if os.fstat(output.fileno()).st_size > MAXIMUM_OUTPUT:
            raise SwitchFailed(f"{wanted.what}: {wanted.argv[0]} printed more than {MAXIMUM_OUTPUT:,} bytes")
        return _read(output).strip()


def passed_on(names: Sequence[str] = ()) -> dict[str, str]:
    """Return what a command sees of the environment: a few usual variables, and ``names``."""
    return {name: os.environ[name] for name in (*PASSED_ON, *names) if name in os.environ}


def _wait(process: subprocess.Popen[bytes], wanted: Run) -> int:
    """Return the exit status; whatever ends the waiting early ends the command and its children too."""
    try:
        return process.wait(wanted.timeout_seconds)
    except subprocess.TimeoutExpired:
        raise SwitchFailed(
            f"{wanted.what}: {wanted.argv[0]} took longer than {wanted.timeout_seconds:g} s and was ended",
            remedy="raise timeout_seconds, or run it by hand",
        ) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _read(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(MAXIMUM_OUTPUT).decode("utf-8", "replace")


def _shown(text: str, secrets: Mapping[str, str]) -> str:
    redactor = Redactor()
    for name, secret in secrets.items():
        with suppress(ConfigurationError):  # too short for the redactor: taken out as it is
            redactor.register(secret, name)
        text = text.replace(secret, f"«redacted:{name}»")
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in redactor.redact(text)).split())
    return f" ({words[-_WORDS_SHOWN:]})" if words else ""
