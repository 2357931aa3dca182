"""Secrets that are known by their shape or by the name before them, not by their value.

Every pattern runs in time linear in the text: no unbounded prefix is tried from every position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Names whose values are never published: query keys, JSON members, variables and command options ending in these.
KEY_NAMES = (
    r"(?:token|secret|password|passwd|passphrase|api[_-]?key|private[_-]?key|access[_-]?key|session[_-]?id"
    r"|oa_session|credentials?|signature|jwt|csrf|auth)"
)
#: Headers whose values are never published.
HEADER_NAMES = r"(?:(?:proxy-)?authorization|(?:set-)?cookie2?|sec-websocket-protocol|x-api-key|x-csrf-token)"
_NAME = f"(?:{KEY_NAMES}|{HEADER_NAMES})"
#: A quote that was itself escaped: JSON in JSON, JSON in HTML, JSON in a query.
_INNER_QUOTE = r"(?:\\+[\"']|&(?:amp;)*(?:quot|apos|#0*34|#0*39|#x22|#x27);|%22|%27)"
_INNER_VALUE = r"[^\"'\\&%«<>\s]+"
_INNER_BLANK = r"(?:\s|%20|\\+[nt]){0,8}"
_BLANK = r"[ \t]{0,8}"
_BARE_VALUE = r"[^\s&\"'<>\\;,«#%]+"
#: Attributes of one HTML element, and those of a form field that shows its content to nobody.
_ATTRIBUTES = r"[^<>«]{0,500}?"
_PRIVATE_TYPE = r"\btype=\\?[\"']?(?:password|hidden)\b"
#: ``Authorization: Bearer «redacted:…»`` says more than the whole header redacted again.
_NO_MARKED_SCHEME = r"(?!(?:Bearer|Basic) «)"

#: ``header.payload.signature``, found wherever a run of its alphabet first shows the start of a JSON object in base64.
JWT = re.compile(
    r"(?<![A-Za-z0-9_-])(?P<before>(?:(?!eyJ)[A-Za-z0-9_-])*+)"
    r"(?P<secret>eyJ[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]*+)"
)
#: The same in base64 (``ZXlK`` is ``eyJ``), as a Phoenix ``authToken`` travels in ``Sec-WebSocket-Protocol``.
ENCODED_JWT = re.compile(r"(?:(?<=\.phx\.)|(?<![A-Za-z0-9+/_-]))(?P<secret>ZXlK[A-Za-z0-9_-]{20,}+)(?![A-Za-z0-9_-])")
#: The password in an address such as that of a database.
URL_PASSWORD = re.compile(r"://[^\s/@:]{0,256}:(?P<secret>[^\s/@]{6,1024})@")
SECRET_MEMBER = re.compile(f"{_NAME}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rule:
    """A shape. What ``before`` matched is kept, what follows it is replaced by the rule's name.

    Text without ``hint`` cannot match: most text is let through by that alone.
    """

    name: str
    hint: str
    pattern: re.Pattern[str]

    def apply(self, text: str) -> tuple[str, int]:
        """Return ``text`` with every match replaced, and how many there were."""
        if self.hint not in text:
            return text, 0
        return self.pattern.subn(self._replacement, text)

    def _replacement(self, match: re.Match[str]) -> str:
        return match["before"] + marker(self.name)


def marker(name: str) -> str:
    """Return what stands in the place of the secret called ``name``."""
    return f"«redacted:{name}»"


def _rule(name: str, hint: str, before: str, secret: str, *, flags: int = re.IGNORECASE) -> Rule:
    return Rule(name, hint, re.compile(f"(?P<before>{before})(?!«)(?:{secret})", flags))


RULES = (
    _rule(
        "private-key",
        "-----BEGIN",
        "",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?s:.*?-----END [A-Z ]{0,30}PRIVATE KEY-----|.*)",
        flags=0,
    ),
    Rule("jwt", "eyJ", JWT),
    _rule("jwt", "base64url.bearer.phx.", r"base64url\.bearer\.phx\.", r"[A-Za-z0-9_-]+"),
    _rule("jwt", "ZXlK", r"(?<![A-Za-z0-9+/_-])", r"ZXlK[A-Za-z0-9+/_-]{20,}+={0,2}", flags=0),
    _rule("credentials", "://", r"(?<=://)[^\s/@:\"'<>«]{0,256}:", r"[^\s/@\"'<>«]{1,1024}(?=@)"),
    _rule("credentials", "://", r"(?<=http://)|(?<=https://)", r"[^\s/@\"'<>«?#]{1,1024}(?=@)"),
    _rule("member", '"', rf"{_NAME}\"\s{{0,8}}:\s{{0,8}}\"", r"(?:[^\"\\]|\\.)+"),
    _rule("member", ":", rf"{_NAME}{_INNER_QUOTE}{_INNER_BLANK}:{_INNER_BLANK}{_INNER_QUOTE}", _INNER_VALUE),
    _rule("member", "'", rf"{_NAME}'{_BLANK}:{_BLANK}'", r"(?:[^'\\]|\\.)+"),
    _rule(
        "header",
        '"value"',
        rf"\"{HEADER_NAMES}\"\s{{0,8}},\s{{0,8}}\"value\"\s{{0,8}}:\s{{0,8}}\"",
        r"(?:[^\"\\]|\\.)+",
    ),
    _rule("header", ":", rf"\b{HEADER_NAMES}{_BLANK}:{_BLANK}", rf"{_NO_MARKED_SCHEME}[^\s\"'\\«<>][^\r\n\"'\\«<>]*"),
    _rule("header", " ", r"\bBearer ", r"[A-Za-z0-9._~+/-]{12,}=*"),
    _rule("header", " ", r"\bBasic ", r"(?=[A-Za-z+/]{0,2048}[0-9=])[A-Za-z0-9+/]{8,}=*"),
    _rule("value", "=", rf"{KEY_NAMES}{_BLANK}={_BLANK}[\"']", r"[^\"'\\«]+"),
    # two equals signs pin a version: PyJWT==2.13
    _rule("value", "=", rf"{KEY_NAMES}=(?!=)", _BARE_VALUE),
    _rule("value", ":", rf"{KEY_NAMES}{_BLANK}:{_BLANK}[\"']", r"[^\"'\\«]+"),
    _rule("field", "value", rf"<input\b(?={_ATTRIBUTES}{_PRIVATE_TYPE}){_ATTRIBUTES}\bvalue=\\?[\"']", r"[^\"'\\«]+"),
    _rule("field", "value", rf"<input\b(?={_ATTRIBUTES}{_PRIVATE_TYPE}){_ATTRIBUTES}\bvalue=", r"[^\s\"'\\>«]+"),
    _rule("field", "=", rf"\bname=[\"']?[\w-]{{0,40}}{KEY_NAMES}[\"']?\s+(?:value|content)=[\"']?", r"[^\s\"'<>«]+"),
    _rule("value", "%", rf"{KEY_NAMES}%3D", _BARE_VALUE),
    _rule("value", "--", rf"(?<![a-z-])--[a-z-]{{0,40}}{KEY_NAMES} ", r"[^\s\"'\\«-][^\s\"'\\«]*"),
)
