"""The draft of a profile, made from a few answers: commented, valid, and with a TODO where a team must look itself."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from drills.errors import ProfileInvalid
from drills.runbook.load import load_runbook
from drills.runbook.model import SwitchKind
from drills.target.profile.load import parse_profile
from drills.target.profile.schema import SCHEMA_FILE, profile_schema

SWITCH_KINDS = ("command", "http", "unleash", "launchdarkly", "file", "process", "page")


@dataclass(frozen=True, slots=True)
class Answers:
    """What is asked for a first profile. Addresses are without a trailing slash or with one, as they come."""

    name: str
    environment: str
    runtime_url: str
    convex_url: str
    metrics_url: str
    dashboard_url: str
    web_url: str
    mobile_url: str
    desktop_debugger: str
    client_switches: str
    runtime_switches: str


def draft(answers: Answers, file: str) -> str:
    """Return the profile that ``answers`` make, as it is to be written to ``file``."""
    runtime = answers.runtime_url.rstrip("/")
    words = {
        "file": file,
        "name": answers.name,
        "environment": answers.environment,
        "runtime": runtime,
        "runtime_socket": runtime.replace("http", "ws", 1),
        "convex": answers.convex_url.rstrip("/"),
        "metrics": answers.metrics_url.rstrip("/"),
        "dashboard": answers.dashboard_url,
        "web": answers.web_url,
        "mobile": answers.mobile_url,
        "desktop": answers.desktop_debugger,
    }
    return _template("draft").substitute(words) + "".join(_switches(answers, runtime))


def write_draft(path: Path, answers: Answers) -> tuple[Path, ...]:
    """Write the profile, and its schema beside it; return what was written.

    Raises:
        ProfileInvalid: the file is there already, cannot be written, or an answer is wrong.
    """
    text = draft(answers, str(path))
    parse_profile(tomllib.loads(text), "what you answered", allow_production=True)
    schema = path.parent / SCHEMA_FILE
    _create(path, text)
    if schema.exists():
        return (path,)
    _create(schema, profile_schema())
    return path, schema


def _switches(answers: Answers, runtime: str) -> list[str]:
    kinds = {SwitchKind.CLIENT: answers.client_switches, SwitchKind.RUNTIME: answers.runtime_switches}
    return [
        _template(f"switches/{kinds[switch.kind]}").substitute(
            switch=switch.id, key=switch.key, new=switch.new_lane, old=switch.old_lane, runtime=runtime
        )
        for switch in load_runbook().switches
    ]


def _template(name: str) -> Template:
    return Template(files("drills.target").joinpath(f"profiles/{name}.toml").read_text(encoding="utf-8"))


def _create(path: Path, text: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise ProfileInvalid(f"{path} is there already; it was not touched", remedy="name another file") from None
    except OSError as error:
        raise ProfileInvalid(f"{path} cannot be written: {error.strerror}", remedy="name another place") from None
