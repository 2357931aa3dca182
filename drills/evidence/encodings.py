"""How a secret looks after it went through the encoders that stand between a browser and a published file.

The redactor looks for all of these spellings. The scan before publication works the other way round: it decodes what
it is given and knows nothing of this module.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html.entities import html5

#: What every encoder of URLs, JSON and HTML leaves alone; a spelling of these alone has no other form.
_INERT = re.compile(r"[A-Za-z0-9_.-]+")
#: Escapes begin with one of these; text without them shows a secret as it is or not at all.
ESCAPES = re.compile(r"[%&\\+]")
# an escape may have been escaped again: JSON in a query, a query in HTML, JSON in JSON
_PERCENT = "%(?:25){0,3}"
_AMPERSAND = f"(?:&(?:amp;){{0,3}}|{_PERCENT}26)"
_SEMICOLON = f"(?:;|{_PERCENT}3[Bb])?"
_HASH = f"(?:#|{_PERCENT}23)"
_BACKSLASHES = rf"(?:\\|{_PERCENT}5[Cc]){{1,8}}"
_ESCAPED_BY_BACKSLASH = "\"'/\\"
_CONTROLS = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}


def literals(secret: str) -> frozenset[str]:
    """Return the spellings of ``secret`` to look for as they are: raw, base64, hexadecimal, every character escaped."""
    code = secret.encode().hex()
    percent = "".join(f"%{byte:02X}" for byte in secret.encode())
    units = _units(secret)
    every = {f"{slashes}u".join(("", *units)) for slashes in ("\\", "\\\\", "\\" * 4)}
    in_json = every | {text.upper().replace("U", "u") for text in every}
    return frozenset({secret, code, code.upper(), percent, percent.lower(), *in_json, *_base64_cores(secret.encode())})


def escaped(secret: str) -> re.Pattern[str] | None:
    """Return a pattern of all ways in which ``secret`` can be escaped for a URL, JSON or HTML, or in several of them.

    None when there is nothing in it that an encoder would touch.
    """
    touched = sorted(
        (text for text in (secret, *_base64_cores(secret.encode())) if not _INERT.fullmatch(text)), key=len
    )
    return re.compile("|".join("".join(map(_character, text)) for text in reversed(touched))) if touched else None


def _character(character: str) -> str:
    """Return an expression for one character in all its forms."""
    if _INERT.fullmatch(character):
        return re.escape(character)
    plain = "|".join((re.escape(character), _percent(character), _entity(character)))
    forms = [plain, f"{_BACKSLASHES}(?:{_code_units(character)})"]
    if character in _ESCAPED_BY_BACKSLASH:
        forms.append(f"{_BACKSLASHES}(?:{plain})")
    if character in _CONTROLS:
        forms.append(f"{_BACKSLASHES}{_CONTROLS[character]}")
    if character == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


def _percent(character: str) -> str:
    return "".join(f"{_PERCENT}{_digits(f'{byte:02x}')}" for byte in character.encode())


def _entity(character: str) -> str:
    names = (name.rstrip(";") for name, meaning in html5.items() if meaning == character)
    forms = [f"{_HASH}0{{0,6}}{ord(character)}", f"{_HASH}[xX]0{{0,6}}{_digits(f'{ord(character):x}')}", *sorted(names)]
    return f"{_AMPERSAND}(?:{'|'.join(forms)}){_SEMICOLON}"


def _code_units(character: str) -> str:
    """Return what stands between backslashes: code units of UTF-16 as in JSON, or bytes as in Python."""
    code = character.encode("utf-16-be").hex()
    first, *second = (f"u{_digits(code[start : start + 4])}" for start in range(0, len(code), 4))
    units = first + "".join(f"{_BACKSLASHES}{low}" for low in second)
    first, *second = (f"x{_digits(f'{byte:02x}')}" for byte in character.encode())
    return f"{units}|{first}{''.join(f'{_BACKSLASHES}{low}' for low in second)}"


def _units(text: str) -> list[str]:
    """Return the UTF-16 code units of ``text`` as JSON escapes them."""
    code = text.encode("utf-16-be", "surrogatepass").hex()
    return [code[start : start + 4] for start in range(0, len(code), 4)]


def _digits(code: str) -> str:
    """Return an expression for hexadecimal digits in either case."""
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in code)


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
