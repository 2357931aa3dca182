"""A switch in a settings file: dotenv, JSON or YAML. The file is replaced in one step and otherwise stays as it was."""

from __future__ import annotations

import io
import os
import re
import stat
import tempfile
from collections.abc import MutableMapping, MutableSequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import orjson
from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import JsonValue
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.commands import Run, run
from drills.target.exchange import as_text, resolve
from drills.target.recipes import FileSwitchRecipe
from drills.target.switches.values import inward, outward

MAXIMUM_SIZE = 1_000_000


class FileSwitch:
    """A switch in a file, as its recipe says."""

    def __init__(self, recipe: FileSwitchRecipe) -> None:
        """Keep the recipe; nothing is opened before the first use."""
        self._recipe = recipe
        self._format = _FORMATS[recipe.format]

    @property
    def id(self) -> str:
        """The switch's id in the runbook."""
        return self._recipe.switch

    @property
    def recipe(self) -> FileSwitchRecipe:
        """The description from which another process can restore this switch."""
        return self._recipe

    def read(self) -> str:
        """Return the value that the file says.

        Raises:
            TargetUnreachable: the file cannot be read, or holds no value and the recipe gives no default.
        """
        found = self._format.value(self._content(), self._recipe)
        if found is None:
            found = self._recipe.default
        if found is None:
            raise TargetUnreachable(f"switch {self.id}: {self._recipe.path} holds no value at {_place(self._recipe)}")
        return inward(found, self._recipe.values)

    def ask(self, value: str) -> None:
        """Write ``value`` into the file, in one step, and run what makes its reader look again.

        Raises:
            TargetUnreachable: the file cannot be read.
            SwitchFailed: it cannot be written, has no such place, or the reload fails.
        """
        recipe = self._recipe
        written = outward(self.id, value, dict(recipe.values))
        content = self._format.with_value(self._content(), recipe, written)
        try:
            _replace(recipe.path, content)
        except OSError as error:
            raise SwitchFailed(f"switch {self.id}: {recipe.path} cannot be written: {error.strerror}") from None
        if recipe.reload:
            what = f"switch {self.id}, reload"
            run(Run(what, recipe.reload, recipe.timeout_seconds, recipe.environment, recipe.secrets))

    def _content(self) -> str:
        path = self._recipe.path
        try:
            if path.is_symlink() or not stat.S_ISREG(path.stat().st_mode):
                raise SwitchFailed(f"switch {self.id}: {path} is not an ordinary file", remedy="name the file itself")
            with path.open(encoding="utf-8", newline="") as stream:
                content = stream.read(MAXIMUM_SIZE + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise TargetUnreachable(f"switch {self.id}: {path} cannot be read: {error}") from None
        if len(content) > MAXIMUM_SIZE:
            raise SwitchFailed(f"switch {self.id}: {path} is larger than {MAXIMUM_SIZE:,} characters")
        return content


class _Format(Protocol):
    """How one format holds a value."""

    def value(self, content: str, recipe: FileSwitchRecipe) -> str | None:
        """Return the value as text, None when it is not there."""

    def with_value(self, content: str, recipe: FileSwitchRecipe, value: JsonValue) -> str:
        """Return the content with another value."""


class _Dotenv:
    def value(self, content: str, recipe: FileSwitchRecipe) -> str | None:
        return dotenv_values(stream=io.StringIO(content), interpolate=False).get(str(recipe.key))

    def with_value(self, content: str, recipe: FileSwitchRecipe, value: JsonValue) -> str:
        key, written, done, parts = str(recipe.key), as_text(value) or "", False, []
        for binding in parse_stream(io.StringIO(content)):
            mine = binding.key == key
            parts.append(_with_other_value(binding.original.string, key, written) if mine else binding.original.string)
            done = done or mine
        if not done:
            parts += ["" if content.endswith("\n") or not content else "\n", f"{key}={_quoted(written, '')}\n"]
        return "".join(parts)


def _with_other_value(statement: str, key: str, value: str) -> str:
    """Return a dotenv statement with another value; what stands before and after it stays, and so do its quotes."""
    pattern = rf"(?P<before>\s*(?:export\s+)?'?{re.escape(key)}'?\s*=[^\S\n]*){_DOTENV_VALUE}(?P<after>.*)"
    found = re.fullmatch(pattern, statement, re.DOTALL)
    if found is None:  # a key without a value
        return f"{key}={_quoted(value, '')}\n"
    return f"{found['before']}{_quoted(value, found['value'][:1])}{found['after']}"


_DOTENV_VALUE = r"""(?P<value>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\s#]*(?:[^\S\n]+[^\s#]+)*)"""


def _quoted(value: str, quote: str) -> str:
    quote = quote if quote in {"'", '"'} else "" if re.fullmatch(r"[\w.:/@%+,-]*", value) else "'"
    return quote + re.sub(rf"([\\{quote}])", r"\\\1", value) + quote if quote else value


class _Json:
    def value(self, content: str, recipe: FileSwitchRecipe) -> str | None:
        return as_text(resolve(self._parsed(content, recipe), str(recipe.pointer)))

    def with_value(self, content: str, recipe: FileSwitchRecipe, value: JsonValue) -> str:
        document = self._parsed(content, recipe)
        _put(document, recipe, value)
        end = "\n" if content.endswith("\n") else ""
        return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + end

    def _parsed(self, content: str, recipe: FileSwitchRecipe) -> object:
        try:
            parsed: object = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise TargetUnreachable(f"switch {recipe.switch}: {recipe.path} is not JSON: {error}") from None
        return parsed


class _Yaml:
    def value(self, content: str, recipe: FileSwitchRecipe) -> str | None:
        return as_text(resolve(self._parsed(content, recipe), str(recipe.pointer)))

    def with_value(self, content: str, recipe: FileSwitchRecipe, value: JsonValue) -> str:
        document, out = self._parsed(content, recipe), io.StringIO()
        _put(document, recipe, value)
        self._yaml().dump(document, out)
        return out.getvalue()

    def _parsed(self, content: str, recipe: FileSwitchRecipe) -> object:
        try:
            parsed: object = self._yaml().load(content)
        except YAMLError as error:
            raise TargetUnreachable(f"switch {recipe.switch}: {recipe.path} is not YAML: {error}") from None
        return parsed

    def _yaml(self) -> YAML:
        """Return a reader and writer that keeps comments, quotes and order."""
        yaml = YAML(typ="rt")
        yaml.preserve_quotes = True
        yaml.width = 100_000
        return yaml


_FORMATS: dict[str, _Format] = {"dotenv": _Dotenv(), "json": _Json(), "yaml": _Yaml()}


def _place(recipe: FileSwitchRecipe) -> str:
    return recipe.key or recipe.pointer or ""


def _put(document: object, recipe: FileSwitchRecipe, value: JsonValue) -> None:
    """Put ``value`` where the pointer leads; only its last part may be new, and only in an object."""
    parents, _, last = str(recipe.pointer).rpartition("/")
    parent = resolve(document, parents)
    key = last.replace("~1", "/").replace("~0", "~")
    if isinstance(parent, MutableMapping):
        parent[key] = value
    elif isinstance(parent, MutableSequence) and key.isdecimal() and int(key) < len(parent):
        parent[int(key)] = value
    else:
        raise SwitchFailed(
            f"switch {recipe.switch}: {recipe.path} has no place {recipe.pointer}", remedy="check the pointer"
        )


def _replace(path: Path, content: str) -> None:
    """Give ``path`` another content in one step; its permissions stay, and nobody ever sees half of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            os.fsync(descriptor)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
