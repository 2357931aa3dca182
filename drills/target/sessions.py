"""The files by which a surface is entered: steps to sign in, and what a browser stored of an earlier session."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drills.errors import ProfileInvalid
from drills.target.fields import beside
from drills.target.steps import Login

MAXIMUM_SIZE = 1_000_000
#: A stored value that is shorter opens nothing, and would be found in ordinary text.
SHORTEST_SECRET = 12


class Stored(BaseModel):
    """A name and its value in a storage state; whatever else is said of it is not read."""

    model_config = ConfigDict(extra="ignore")

    value: str = ""


class Origin(BaseModel):
    """What one origin has in its local storage."""

    model_config = ConfigDict(extra="ignore")

    local_storage: list[Stored] = Field(default=[], alias="localStorage")


class StorageState(BaseModel):
    """Playwright's storage state, as far as it may hold secrets."""

    model_config = ConfigDict(extra="ignore")

    cookies: list[Stored] = []
    origins: list[Origin] = []


def read_login(path: Path) -> Login:
    """Return the steps of a login file.

    Raises:
        ProfileInvalid: the file cannot be read or is wrong.
    """
    content = _read(path, "login file")
    try:
        return Login.model_validate(beside(tomllib.loads(content.decode("utf-8")), path.absolute().parent))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileInvalid(f"login file {path} is not TOML: {error}", remedy="mend the file") from None
    except ValidationError as error:
        mistakes = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
        raise ProfileInvalid(f"login file {path} is wrong:", mistakes=mistakes, remedy="mend the file") from None


def stored_secrets(path: Path) -> Iterator[str]:
    """Yield what is secret in a storage state: the values of its cookies, and of what pages have stored.

    Raises:
        ProfileInvalid: the file cannot be read, or is no storage state.
    """
    try:
        state = StorageState.model_validate(orjson.loads(_read(path, "storage state")))
    except (orjson.JSONDecodeError, ValidationError):
        raise ProfileInvalid(f"{path} is no storage state of Playwright", remedy="save it again") from None
    stored = [*state.cookies, *(one for origin in state.origins for one in origin.local_storage)]
    yield from (one.value for one in stored if len(one.value) >= SHORTEST_SECRET)


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAXIMUM_SIZE + 1)
    except OSError as error:
        raise ProfileInvalid(f"{what} {path}: {error.strerror}", remedy="check the path") from None
    if len(content) > MAXIMUM_SIZE:
        raise ProfileInvalid(f"{what} {path} is larger than {MAXIMUM_SIZE:,} bytes", remedy="name another file")
    return content
