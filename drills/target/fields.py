"""What a profile is written with: addresses, references to secrets, and records that cannot change."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from drills.errors import ProfileInvalid

_CREDENTIALS = re.compile(r"^[a-z+]+://[^/]*@")
#: Headers whose content is a secret whatever it says.
SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})


def _address(scheme: str, words: str) -> AfterValidator:
    pattern = re.compile(rf"^{scheme}://[^\s/]+(/\S*)?$")

    def check(value: str) -> str:
        if _CREDENTIALS.match(value):
            raise ValueError("an address holds no user name or password; name them as a secret")
        if not pattern.match(value):
            raise ValueError(f"must be an address that begins with {words}")
        return value

    return AfterValidator(check)


HttpUrl = Annotated[str, _address("https?", "http:// or https://")]
SocketUrl = Annotated[str, _address("wss?", "ws:// or wss://")]
PageUrl = Annotated[str, _address("[a-z][a-z0-9+.-]*", "a scheme, such as https:// or app://")]
Seconds = Annotated[float, Field(gt=0, le=7 * 86400)]


def _pointer(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("a JSON pointer is empty or begins with /")
    return value


Pointer = Annotated[str, AfterValidator(_pointer)]


def _argv(value: object) -> object:
    if isinstance(value, str):
        raise ValueError('a command is a list of words, such as ["kubectl", "get"]; no shell reads it')  # noqa: TRY004 - pydantic turns only ValueError into a mistake of the file
    return value


Command = Annotated[tuple[str, ...], Field(min_length=1), BeforeValidator(_argv)]


class Frozen(BaseModel):
    """A record that cannot change and takes no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretReference(Frozen):
    """Where a secret is found: an environment variable or a file. Never its value."""

    env: Annotated[str, Field(min_length=1)] | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_a_reference(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('a secret is never written here; name it: { env = "VARIABLE" } or { file = "path" }')  # noqa: TRY004 - pydantic turns only ValueError into a mistake of the file
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is found in one place: either env or file")
        return self

    @property
    def place(self) -> str:
        """Where the secret is found, in words."""
        return f"file {self.file}" if self.file else f"variable {self.env}"


class SecretHeader(SecretReference):
    """A secret in a header, behind ``prefix`` such as ``Bearer``."""

    prefix: str = ""


Headers = dict[str, str | SecretHeader]


def _no_plain_secret(headers: Headers) -> Headers:
    for name, value in headers.items():
        if isinstance(value, str) and name.lower() in SECRET_HEADERS:
            raise ValueError(f'{name} is a secret; name it: {{ env = "VARIABLE", prefix = "Bearer " }}')
    return headers


HeaderFields = Annotated[Headers, AfterValidator(_no_plain_secret)]
#: A JSON value in which the text ``{value}`` stands for what is written.
JsonTemplate = JsonValue


def read_secret(reference: SecretReference) -> str:
    """Return the secret that ``reference`` points to.

    Raises:
        ProfileInvalid: the variable is unset or the file cannot be read.
    """
    if reference.file is not None:
        try:
            return reference.file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ProfileInvalid(f"secret file {reference.file}: {error.strerror}", remedy="check the path") from None
    value = os.environ.get(reference.env or "")
    if not value:
        raise ProfileInvalid(f"the variable {reference.env} is not set", remedy=f"export {reference.env}=…")
    return value


def read_headers(headers: Mapping[str, str | SecretHeader]) -> dict[str, str]:
    """Return headers as they are sent, each secret in its place.

    Raises:
        ProfileInvalid: a secret is not there.
    """
    return {
        name: value.prefix + read_secret(value) if isinstance(value, SecretHeader) else value
        for name, value in headers.items()
    }


#: Keys whose text is the path of a file or folder, looked for beside the file that names it.
_PATHS = frozenset({"file", "path", "storage_state", "login", "pid_file", "directory", "log", "ca_file"})


def beside(value: object, folder: Path, key: str = "") -> object:
    """Return what was read from a file in ``folder`` with every relative path in it taken from there."""
    if isinstance(value, dict):
        return {name: beside(part, folder, name) for name, part in value.items()}
    if isinstance(value, list):
        return [beside(part, folder) for part in value]
    return str(folder / Path(value).expanduser()) if key in _PATHS and isinstance(value, str) else value
