"""How each kind of switch is read and set, as data: what a profile says of it, and what the restore journal keeps.

A recipe holds references to secrets, never their values, so that it may lie on a disk; and everything that another
process needs to put the switch back when the drill is gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, JsonValue, model_validator
from pydantic.json_schema import SkipJsonSchema

from drills.target.fields import (
    Command,
    Frozen,
    HeaderFields,
    HttpUrl,
    JsonTemplate,
    Pointer,
    Seconds,
    SecretReference,
)
from drills.target.steps import Step

#: What stands in a template for the value that is written.
VALUE = "{value}"
Scalar = str | bool | int | float


def _plain_body() -> JsonValue:
    return {"value": VALUE}


class ReadyCondition(Frozen):
    """What shows that a value has come into effect: ``url`` answers with ``status``, and says what is expected.

    ``{value}`` in ``equals`` and ``contains`` stands for the value that the switch reads.
    """

    url: HttpUrl
    status: Annotated[int, Field(ge=100, le=599)] = 200
    pointer: Pointer = ""
    equals: str | None = None
    contains: str | None = None
    headers: HeaderFields = Field(default={})
    timeout_seconds: Seconds = 5.0


class Recipe(Frozen):
    """What every kind of switch has. ``switch`` is its id in the runbook, which a profile gives as the table's name.

    ``timeout_seconds`` bounds one request or command, ``settle_seconds`` how long a change may take to be in effect,
    and in ``poll_seconds`` the switch is read once at most.
    """

    switch: SkipJsonSchema[str] = ""
    timeout_seconds: Seconds = 30.0
    settle_seconds: Seconds | None = None
    poll_seconds: Annotated[float, Field(ge=0, le=60)] = 0.0
    ready: ReadyCondition | None = None


class HttpSwitchRecipe(Recipe):
    """A switch behind an HTTP API.

    ``url`` is read with ``read_method``; ``pointer`` leads to the value in the answer, and ``state_pointer``, where the
    API has one, to a word that is ``ready`` once no change is under way. A value is set by ``method`` to ``write_url``
    (``url`` without one) with ``body``. In both, ``{value}`` stands for what ``values`` gives for the value, or for the
    value itself; ``reads`` says the same of the answer, where the API reads back something else than was written.
    """

    kind: Literal["http"] = "http"
    url: HttpUrl
    pointer: Pointer = "/value"
    state_pointer: Pointer | None = None
    token: SecretReference | None = None
    headers: HeaderFields = Field(default={})
    read_method: Literal["GET", "POST"] = "GET"
    read_body: JsonValue = None
    method: Literal["PUT", "POST", "PATCH", "DELETE"] = "PUT"
    write_url: HttpUrl | None = None
    body: JsonTemplate = Field(default_factory=_plain_body)
    values: dict[str, Scalar] = Field(default={})
    reads: dict[str, Scalar] = Field(default={})


class CommandSwitchRecipe(Recipe):
    """A switch that commands set and read: lists of words, which no shell sees.

    ``get`` prints the value, as text or, with ``pointer``, inside JSON; ``set`` sets ``{value}``, and ``wait`` returns
    when it has come into effect. They see ``PATH``, ``HOME`` and the language of the environment, what ``environment``
    names, and ``secrets`` under the names given.
    """

    kind: Literal["command"] = "command"
    timeout_seconds: Seconds = 120.0
    get: Command
    set: Command
    wait: Command | None = None
    pointer: Pointer | None = None
    values: dict[str, str] = Field(default={})
    reads: dict[str, str] = Field(default={})
    environment: tuple[str, ...] = ()
    secrets: dict[str, SecretReference] = Field(default={})
    directory: Path | None = None


class FileSwitchRecipe(Recipe):
    """A switch in a file: a ``key`` of a dotenv file, or what ``pointer`` leads to in a JSON or YAML file.

    ``default`` is the value while the key is not there. ``reload`` is run after each edit.
    """

    kind: Literal["file"] = "file"
    path: Path
    format: Literal["dotenv", "json", "yaml"]
    key: str | None = None
    pointer: Pointer | None = None
    values: dict[str, Scalar] = Field(default={})
    default: str | None = None
    reload: Command | None = None
    environment: tuple[str, ...] = ()
    secrets: dict[str, SecretReference] = Field(default={})

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.format == "dotenv" and (self.key is None or self.pointer is not None):
            raise ValueError("a dotenv file needs key, and no pointer")
        if self.format != "dotenv" and (not self.pointer or self.key is not None):
            raise ValueError(f"a {self.format} file needs pointer, and no key")
        return self


class ProcessSwitchRecipe(Recipe):
    """A switch in the environment of a process, which is started again with ``variable`` set to another value.

    ``pid_file`` holds the number of the running process, and is written anew at each start. The new process gets the
    environment of the old one; ``default`` is the value while the variable is not there. ``log`` takes its output.
    """

    kind: Literal["process"] = "process"
    argv: Command
    variable: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    pid_file: Path
    values: dict[str, str] = Field(default={})
    default: str | None = None
    directory: Path | None = None
    log: Path | None = None


Reader = Annotated[HttpSwitchRecipe | CommandSwitchRecipe | FileSwitchRecipe, Field(discriminator="kind")]


class PageSwitchRecipe(Recipe):
    """A switch on a web page of an operator: ``steps`` set ``{value}`` there, and ``read`` says what is in effect.

    ``login`` are the steps that come first, in each new browser. ``by_value`` gives steps of their own to values that
    are not set alike.
    """

    kind: Literal["page"] = "page"
    timeout_seconds: Seconds = 60.0
    url: HttpUrl
    login: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    by_value: dict[str, tuple[Step, ...]] = Field(default={})
    read: Reader

    @model_validator(mode="after")
    def _some_steps(self) -> Self:
        if not self.steps and not self.by_value:
            raise ValueError("a page needs steps, or by_value with steps for each value")
        return self


SwitchRecipe = Annotated[
    HttpSwitchRecipe | CommandSwitchRecipe | FileSwitchRecipe | ProcessSwitchRecipe | PageSwitchRecipe,
    Field(discriminator="kind"),
]


def from_anywhere(recipe: SwitchRecipe) -> SwitchRecipe:
    """Return a recipe that can be followed from any working directory: every path in it is a whole one."""
    return _absolute(recipe)


_Record = TypeVar("_Record", bound=Frozen)


def _absolute(record: _Record) -> _Record:
    return record.model_copy(update={name: _absolute_part(value) for name, value in record})


def _absolute_part(value: object) -> object:
    if isinstance(value, Path):
        return value.absolute()
    if isinstance(value, Frozen):
        return _absolute(value)
    if isinstance(value, dict):
        return {name: _absolute_part(part) for name, part in value.items()}
    return tuple(map(_absolute_part, value)) if isinstance(value, tuple) else value
