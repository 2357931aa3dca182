"""The Markdown escaper, by hand on purpose: text that came from outside stays text, wherever it lands in a document.

:class:`Markdown` marks what is Markdown already; every other string is data, and :func:`inert` makes it harmless on
its way into a template. The rules follow GitHub Flavored Markdown and what GitHub does to a page afterwards: mentions,
issue references, autolinks, emoji short codes and mathematics are broken with a zero width space or a backslash.
"""

from __future__ import annotations

import html as markup
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote


class Markdown(str):
    """Text that is Markdown already and is put into a document as it is."""

    __slots__ = ()


_TERMINAL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, hyperlinks
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]"  # everything else
)
_SPACES = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
#: Control, format (bidirectional, zero width, tags), surrogate and private-use characters have no place in a report.
_UNWANTED = frozenset({"Cc", "Cf", "Cs", "Co"})
_BREAK = "&#8203;"
#: What GitHub turns into a link or a picture after Markdown is done, and how far to keep it before the break.
_REFERENCES = re.compile(
    r"@|#(?=\d)|\bGH-(?=\d)|:(?=//)|\bwww(?=\.)|:(?=[a-z+][\w+-]*:)|\b(?:mailto|xmpp):",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"[\\`*_\[\]|~$^]")
#: What means something only at the beginning of a line: headings, lists, rules, delimiter rows, workflow commands.
_OPENING = re.compile(r"^(?:[+:-](?=[\s:-]|$)|=(?==*\s*$)|#(?=#*(?:\s|$))|\d{1,9}(?=[.)](?:\s|$)))")
_WEB = re.compile(r"https?://[^/\s]+\S*", re.IGNORECASE)
#: The place of a heading or an anchor in another page of ours.
_FRAGMENT = re.compile(r"#[a-z0-9-]+")
_URL_SAFE = "/:?#@!$&'*+,;=%~-._"


def without_terminal(value: str) -> str:
    """Return ``value`` without the sequences by which a terminal is told what to do; they may span lines."""
    return _TERMINAL.sub("", value)


def printable(value: str) -> str:
    """Return ``value`` on one line without terminal sequences, control, bidirectional and invisible characters."""
    spaced = "".join(" " if char in _SPACES else char for char in without_terminal(value))
    return "".join(char for char in spaced if unicodedata.category(char) not in _UNWANTED)


def plain(value: str) -> str:
    """Return what is printable of ``value``, with single spaces between its words."""
    return " ".join(word for word in printable(value).split(" ") if word)


def text(value: str) -> Markdown:
    """Return ``value`` as one line of Markdown that shows exactly its characters; Markdown is returned unchanged."""
    if isinstance(value, Markdown):
        return value
    escaped = markup.escape(plain(value), quote=False)
    escaped = _PUNCTUATION.sub(r"\\\g<0>", escaped)
    escaped = _OPENING.sub(lambda found: _at_line_start(found[0]), escaped)
    return Markdown(_broken(escaped).replace("::", ":\\:"))


def html(value: str) -> Markdown:
    """Return ``value`` for an HTML block, such as a summary, where Markdown is not read."""
    return Markdown(_broken(markup.escape(plain(value)).replace("#x27;", "apos;")))


def code(value: str) -> Markdown:
    """Return ``value`` as a code span; the element is written out where a fence or a table would misread it."""
    content = plain(value)
    if "`" in content or "|" in content or not content:
        escaped = markup.escape(content)
        return Markdown(f"<code>{re.sub(r'[^A-Za-z0-9 &#;]', lambda found: f'&#{ord(found[0])};', escaped)}</code>")
    return Markdown(f"`{content}`")


def fence(value: str, language: str = "") -> Markdown:
    """Return ``value``, line by line, as a fenced block that its content cannot end."""
    rows = [plain(row) for row in without_terminal(value).splitlines()]
    longest = max((len(run) for row in rows for run in re.findall(r"`+", row)), default=0)
    ticks = "`" * max(3, longest + 1)
    return Markdown("\n".join([ticks + language, *rows, ticks]))


def link(label: str, url: str | None) -> Markdown:
    """Return a link, or only the label where ``url`` is neither http(s) nor a relative path without ``..``."""
    target = _destination(url or "")
    return Markdown(f"[{text(label)}]({target})") if target else text(label)


def image(label: str, url: str) -> Markdown:
    """Return a picture, or only the label under the rule of :func:`link`."""
    target = _destination(url)
    return Markdown(f"![{text(label)}]({target})") if target else text(label)


def join(parts: Iterable[str], separator: str = "<br>") -> Markdown:
    """Return the parts, each made inert, joined by a ``separator`` that is Markdown."""
    return Markdown(separator.join(text(part) for part in parts))


def bold(value: str) -> Markdown:
    """Return ``value`` in bold, or nothing for nothing."""
    inner = text(value)
    return Markdown(f"**{inner}**") if inner else inner


def inert(value: object) -> str:
    """Return what a template expression puts out: Markdown as it is, everything else escaped.

    Raises:
        TypeError: ``value`` is None; a page says in words what is not known.
    """
    if value is None:
        raise TypeError("a template printed None")
    return text(value if isinstance(value, str) else str(value))


def _at_line_start(opening: str) -> str:
    return f"{opening}\\" if opening[0].isdigit() else f"\\{opening}"


def _broken(escaped: str) -> str:
    return _REFERENCES.sub(lambda found: found[0] + _BREAK, escaped)


def _destination(url: str) -> str:
    address = url.strip()
    if _WEB.fullmatch(address):
        return quote(address, safe=_URL_SAFE).replace("&", "&amp;")
    path, mark, fragment = address.partition("#")
    if _FRAGMENT.fullmatch(mark + fragment):
        place = _destination(path)
        return f"{place}#{fragment}" if place else ""
    segments = address.split("/")
    relative = bool(address) and not address.startswith("/") and ".." not in segments and plain(address) == address
    return quote(address, safe="/~-._") if relative else ""
