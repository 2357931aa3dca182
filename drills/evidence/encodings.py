"""How a secret looks after it went through the encoders that stand between a browser and a published file.

The redactor looks for all of these spellings. The scan before publication works the other way round: it decodes what
it is given and knows nothing of this list.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

Encoder = Callable[[str], str]
#: An encoder may work on what another one wrote: JSON in HTML, a query inside a query.
NESTING = 2


def spellings(secret: str) -> frozenset[str]:
    """Return every spelling of ``secret`` that is looked for: raw, percent, plus, JSON, HTML, base64, hex, nested."""
    found = {secret, *_base64_cores(secret.encode()), secret.encode().hex(), secret.encode().hex().upper()}
    for _ in range(NESTING):
        found |= {encode(text) for text in found for encode in ENCODERS}
    return frozenset(found) | {_percent_all(secret), _percent_all(secret).lower()}


def _percent_all(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _percent_lower(text: str) -> str:
    return "".join(piece.lower() if piece.startswith("%") else piece for piece in map(_percent_strict, text))


def _percent_strict(text: str) -> str:
    return quote(text, safe="")


def _json_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _json_utf8(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _json_slash(text: str) -> str:
    return _json_utf8(text).replace("/", "\\/")


def _html_text(text: str) -> str:
    return html.escape(text, quote=False)


def _html_named(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&apos;")


def _html_decimal(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")


ENCODERS: tuple[Encoder, ...] = (
    quote,
    _percent_strict,
    _percent_lower,
    quote_plus,
    _json_ascii,
    _json_utf8,
    _json_slash,
    html.escape,
    _html_text,
    _html_named,
    _html_decimal,
)


def _base64_cores(secret: bytes) -> Iterator[str]:
    """Yield what base64 makes of ``secret`` at each of the three offsets it can have in a longer text.

    The characters at the edges also carry bits of the neighbours. Without them the core is left, which is the same
    whatever surrounds the secret; where the secret ends the text, its last character and the padding are known too.
    """
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + secret).decode()
        first, last = -(-8 * offset // 6), 8 * (offset + len(secret)) // 6
        for spelling in (encoded[first:last], encoded[first:].rstrip("="), encoded[first:]):
            yield spelling
            yield spelling.replace("+", "-").replace("/", "_")
