"""The redactor: takes secrets out of everything that a drill writes down.

It knows the drill's exact secrets in every spelling, learns JSON Web Tokens as they appear, and applies the shapes of
:mod:`drills.evidence.patterns`. What it puts in their place names the secret: ``«redacted:operator-token»``.
"""

from __future__ import annotations

import base64
import math
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from drills.errors import ConfigurationError
from drills.evidence.encodings import ESCAPES, escaped, literals
from drills.evidence.naming import known_media_type, slug
from drills.evidence.patterns import ENCODED_JWT, JWT, RULES, SECRET_MEMBER, URL_PASSWORD, marker
from drills.evidence.png import without_metadata

#: A shorter secret cannot be told from ordinary words: redacting it would eat the report.
SHORTEST_SECRET = 6
#: A page that prints tokens without end must not fill the memory; beyond this they are redacted by shape alone.
MOST_LEARNED = 256
#: What a machine made to be unguessable: no blanks, letters and digits mixed, and not a whole document.
SHORTEST_OPAQUE, LONGEST_OPAQUE = 16, 4096
_SEPARATORS = re.compile(r"[\s;,\"]+|(?<=[^=])=(?=[^=])")
_OPAQUE = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])[^\s«»]+")


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that must not be published, and the name that is published instead."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


class Redactor:
    """Knows what must not be published. Safe to use from several threads; secrets may be added at any time.

    ``canary`` is a secret of this run that opens nothing: the drill plants it in every channel it records, and
    publication fails if any of it survived.
    """

    def __init__(self, canary: str | None = None) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, str] = {}
        self._literals: tuple[tuple[str, str], ...] = ()
        self._escaped: tuple[tuple[re.Pattern[str], str], ...] = ()
        self._learned = 0
        self.canary = canary or f"canary-{secrets.token_hex(16)}"
        self.register(self.canary, "canary")

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The exact secrets known so far."""
        return tuple(Secret(name, value) for value, name in self._secrets.copy().items())

    def register(self, secret: str, name: str) -> None:
        """Redact ``secret`` from now on, in all its spellings, as ``«redacted:name»``.

        Raises:
            ConfigurationError: the secret is too short to be told from ordinary text.
        """
        if len(secret) < SHORTEST_SECRET:
            raise ConfigurationError(
                f"the secret {name!r} has fewer than {SHORTEST_SECRET} characters: ordinary text would match it",
                remedy="use a longer secret in this environment",
            )
        with self._lock:
            if secret not in self._secrets:
                self._add(secret, slug(name))

    def register_environment(self, environment: Mapping[str, str]) -> None:
        """Register the values of variables that are called like secrets, and the passwords in addresses."""
        for name, value in environment.items():
            if SECRET_MEMBER.search(name) and len(value) >= SHORTEST_SECRET:
                self.register(value, name)
            for match in URL_PASSWORD.finditer(value):
                self.register(match["secret"], f"{name}-password")

    def _add(self, secret: str, name: str) -> None:
        """Add a secret; readers in other threads see the old tuples or the new ones, longest spelling first."""
        added = ((literal, marker(name)) for literal in literals(secret))
        self._literals = tuple(sorted((*self._literals, *added), key=lambda pair: (-len(pair[0]), pair[0])))
        pattern = escaped(secret)
        if pattern is not None:
            longest_first = sorted((*self._escaped, (pattern, marker(name))), key=lambda pair: -len(pair[0].pattern))
            self._escaped = tuple(longest_first)
        self._secrets = {**self._secrets, secret: name}

    def redact(self, text: str) -> str:
        """Return ``text`` without secrets; redacting it again changes nothing."""
        return self.redact_counted(text)[0]

    def redact_counted(self, text: str) -> tuple[str, int]:
        """Return ``text`` without secrets, and how many were taken out."""
        self.learn(text)
        text, known = self._without_known(text)
        for rule in RULES:
            text, found = rule.apply(text)
            known += found
        return text, known

    def _without_known(self, text: str) -> tuple[str, int]:
        count = 0
        for literal, replacement in self._literals:
            if literal in text:
                count += text.count(literal)
                text = text.replace(literal, replacement)
        for pattern, replacement in self._escaped if ESCAPES.search(text) else ():
            text, found = pattern.subn(replacement, text)
            count += found
        return text, count

    def learn(self, text: str) -> None:
        """Register the tokens in ``text``, also those in base64, so that they are known when they come back."""
        for match in ENCODED_JWT.finditer(text) if "ZXlK" in text else ():
            self._learn(_from_base64(match["secret"]).decode("ascii", "ignore"))
        if "eyJ" in text:
            self._learn(text)

    def learn_opaque(self, value: str) -> None:
        """Register what is unguessable in a value that stood where secrets stand, such as a header of cookies."""
        for part in _SEPARATORS.split(value):
            if SHORTEST_OPAQUE <= len(part) <= LONGEST_OPAQUE and _OPAQUE.fullmatch(part):
                self._register_learned(part, "learned")

    def _learn(self, text: str) -> None:
        for match in JWT.finditer(text):
            self._register_learned(match["secret"], "jwt")

    def _register_learned(self, value: str, name: str) -> None:
        if value not in self._secrets and self._learned < MOST_LEARNED:
            self._learned += 1
            self.register(value, name)

    def redact_json(self, value: JsonValue) -> JsonValue:
        """Return a JSON value with every string in it redacted, also under names that stand before secrets.

        NaN and infinities become the words that the records use for them.
        """
        return self.redact_json_counted(value)[0]

    def redact_json_counted(self, value: JsonValue) -> tuple[JsonValue, int]:
        """Return the same as :meth:`redact_json`, and how many secrets were taken out."""
        walk = _JsonWalk(self)
        return walk.value(value), walk.count

    def redact_bytes(self, content: bytes, media_type: str) -> tuple[bytes, int]:
        """Return the content of a file without secrets, and how many were taken out.

        Text comes back as valid UTF-8. A PNG loses its metadata and keeps its pixels.

        Raises:
            PublicationRefused: the type is not on the allow-list, or the content is not of that type.
        """
        if known_media_type(media_type) == "image/png":
            return without_metadata(content), 0
        text, count = self.redact_counted(content.decode("utf-8", "replace"))
        return text.encode(), count


class _JsonWalk:
    """One pass over a JSON value, with a count of what was taken out of it."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.count = 0

    def value(self, value: JsonValue) -> JsonValue:
        match value:
            case str():
                return self._text(value)
            case float() if not math.isfinite(value):
                return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            case list():
                return [self.value(member) for member in value]
            case dict():
                return {self._text(key): self._member(key, member) for key, member in value.items()}
            case _:
                return value

    def _text(self, text: str) -> str:
        redacted, count = self._redactor.redact_counted(_encodable(text))
        self.count += count
        return redacted

    def _member(self, key: str, value: JsonValue) -> JsonValue:
        redacted = self.value(value)
        unseen = isinstance(value, str) and value and value == redacted and "«redacted:" not in value
        if not (unseen and SECRET_MEMBER.search(key)):
            return redacted
        self.count += 1
        return marker("member")


def _from_base64(text: str) -> bytes:
    """Return what unpadded base64 stands for; a last lone character carries no byte."""
    whole = text[:-1] if len(text) % 4 == 1 else text
    return base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))


def _encodable(text: str) -> str:
    """Return ``text`` with what UTF-8 cannot carry replaced: browsers hand out halves of surrogate pairs."""
    return text.encode("utf-8", "replace").decode()
