"""HAR archives, and the HAR entries of a trace, without secrets: what may stay is decided by where it stands.

Names of headers, cookies, query keys, form fields and storage entries say which values go; binary socket frames and
bodies in base64 are opened; everything else that is text passes the redactor. Structure, times and sizes stay, so that
a viewer still reads what is left. The format is HAR 1.2 with the additions of Playwright
(``_webSocketMessages``, ``_file``).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import orjson
from pydantic import JsonValue

from drills.errors import PublicationRefused
from drills.evidence.patterns import SECRET_MEMBER, marker
from drills.evidence.redaction import Redactor

#: Lists of names and values of which no value is published, whatever its name.
PRIVATE_LISTS = frozenset({"cookies", "localStorage", "sessionStorage", "indexedDB"})
#: Actions whose words were typed by the drill: they may be passwords, and no reader needs them.
TYPING = frozenset({"fill", "type", "pressSequentially", "insertText", "keyboardInsertText", "keyboardType"})
#: Form fields whose content no page shows to a reader either.
PRIVATE_FIELDS = frozenset({"password", "hidden"})
_FIELD_VALUES = ("value", "__playwright_value_")
_TYPED = re.compile(r'(?P<before>\b(?:fill|type|pressSequentially|insertText)\(")(?!«)(?P<typed>.+)(?="\))')
#: Shorter runs hold nothing that is worth hiding; digests in hexadecimal are opened in vain, which costs little.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
#: How many documents inside one another are read as such.
DEEPEST = 4

Pairs = Mapping[str, JsonValue]


def scrubbed_har(content: bytes, redactor: Redactor) -> tuple[bytes, int]:
    """Return a HAR file without secrets, and how many were taken out.

    Raises:
        PublicationRefused: ``content`` is not a HAR file.
    """
    document = parsed(content, "a HAR file")
    if not isinstance(document, dict) or not isinstance(document.get("log"), dict):
        raise PublicationRefused("a HAR file has no log in it")
    recorded = RecordedJson(redactor)
    return orjson.dumps(recorded.value(document)), recorded.count


def parsed(content: bytes, what: str) -> JsonValue:
    """Return JSON as it was parsed.

    Raises:
        PublicationRefused: it is not JSON; the message says ``what`` is not.
    """
    try:
        value: JsonValue = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise PublicationRefused(f"{what} is not JSON: {error}", remedy="record it again") from None
    return value


class RecordedJson:
    """One pass over JSON that a browser recorded. ``renamed`` maps strings that are names of files to their new ones.

    ``count`` is how many secrets were taken out so far.
    """

    def __init__(self, redactor: Redactor, renamed: Mapping[str, str] | None = None) -> None:
        self._redactor = redactor
        self._renamed = renamed or {}
        self._known: dict[str, tuple[str, int]] = {}
        self.count = 0

    def value(self, value: JsonValue) -> JsonValue:
        """Return ``value`` without secrets.

        Raises:
            PublicationRefused: it is nested more deeply than any page or recording.
        """
        try:
            return self._value(value, "")
        except RecursionError:
            raise PublicationRefused("a recording is nested too deeply to be looked through") from None

    def text(self, text: str) -> str:
        """Return ``text`` without secrets, also inside JSON and base64."""
        if text not in self._known:
            before, self.count = self.count, 0
            self._known[text] = (self._redacted(text, DEEPEST), self.count)
            self.count = before
        redacted, count = self._known[text]
        self.count += count
        return redacted

    def _value(self, value: JsonValue, within: str) -> JsonValue:
        match value:
            case str():
                return self.text(value)
            case list():
                return [self._value(member, within) for member in value]
            case dict():
                members = self._private(value, within)
                return {self.text(key): self._value(member, key) for key, member in members.items()}
            case _:
                return value

    def _private(self, members: Pairs, within: str) -> Pairs:
        """Return the members with a marker in the place of what is private because of what stands beside it."""
        params = members.get("params")
        if members.get("method") in TYPING and isinstance(params, dict):
            members = {**members, "params": self._without(params, ("value", "text"))}
        for key in _telling_keys(members, within):
            self._redactor.learn_opaque(str(members.get(key)))
        return self._without(members, _private_keys(members, within))

    def _without(self, members: Pairs, keys: Iterable[str]) -> dict[str, JsonValue]:
        """Return the members with a marker in the place of what ``keys`` held."""
        held = [key for key in dict.fromkeys(keys) if key in members and _holds_text(members[key])]
        self.count += len(held)
        return {**members, **dict.fromkeys(held, marker("member"))}

    def _redacted(self, text: str, depth: int) -> str:
        if text in self._renamed:
            return self._renamed[text]
        if depth and text[:1] in ("{", "["):
            text = self._document(text)
        if depth:
            # before anything is replaced: a marker within base64 would leave what no reader can decode
            text = _BASE64.sub(self._opener(depth - 1), text)
        redacted, found = self._redactor.redact_counted(_encodable(text))
        redacted, typed = _TYPED.subn(rf"\g<before>{marker('typed')}", redacted)
        self.count += found + typed
        return redacted

    def _document(self, text: str) -> str:
        """Return JSON that is the text of a string, rewritten only where a secret was taken out of it."""
        try:
            document: JsonValue = orjson.loads(text)
        except (orjson.JSONDecodeError, UnicodeEncodeError):
            return text
        before = self.count
        inner = self._value(document, "")
        return orjson.dumps(inner).decode() if self.count > before else text

    def _opener(self, depth: int) -> Callable[[re.Match[str]], str]:
        """Return what opens one run of base64, and closes it again in the same spelling."""

        def opened(match: re.Match[str]) -> str:
            run = match[0]
            content = _decoded(run)
            text = content.decode("utf-8", "surrogateescape")
            before = self.count
            redacted = self._redacted(text, depth) if content else text
            if self.count == before:
                return run
            return _encoded(redacted.encode("utf-8", "replace"), like=run)

        return opened


def _private_keys(members: Pairs, within: str) -> Iterator[str]:
    """Yield the keys of a JSON object whose values nobody needs to see, or may see."""
    if within in PRIVATE_LISTS or str(members.get("type")).lower() in PRIVATE_FIELDS:
        yield from _FIELD_VALUES
    yield from _telling_keys(members, within)


def _telling_keys(members: Pairs, within: str) -> Iterator[str]:
    """Yield the keys whose values are secrets, by their own name or that of a neighbour: they may stand elsewhere too.

    What a page stores or hides need not be one: it also stores what everyone may see.
    """
    if within == "cookies" or _secret(members.get("name")) or members.get("type") == "password":
        yield from _FIELD_VALUES
    if _secret(members.get("k")):
        yield "v"
    yield from filter(_secret, members)


def _secret(name: JsonValue) -> bool:
    return isinstance(name, str) and SECRET_MEMBER.search(name) is not None


def _holds_text(value: JsonValue) -> bool:
    """Tell whether there is anything to hide: names such as ``auth`` also stand before switches and lists."""
    return isinstance(value, dict) or (isinstance(value, str) and value != "" and not value.startswith("«redacted:"))


def _encodable(text: str) -> str:
    """Return ``text`` with bytes that are no UTF-8 replaced: they cannot be published as text."""
    return text.encode("utf-8", "replace").decode()


def _decoded(run: str) -> bytes:
    bare = run.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        return b""


def _encoded(content: bytes, *, like: str) -> str:
    """Return base64 in the alphabet, and with or without the padding, of another text."""
    encode = base64.urlsafe_b64encode if "-" in like or "_" in like else base64.b64encode
    code = encode(content).decode()
    return code if like.endswith("=") or len(like) % 4 == 0 else code.rstrip("=")
