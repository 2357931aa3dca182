"""Where the links of a report lead. The only importer of markdown-it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from drills.attestation.deviation import Deviation
from drills.attestation.reading import Evidence

_WEB = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Links:
    """The distinct links of a report: into its folder, to other reports, and to the web, which is not asked."""

    inside: tuple[str, ...]
    reports: tuple[str, ...]
    web: tuple[str, ...]
    astray: tuple[Deviation, ...]


def follow(evidence: Evidence) -> Links:
    """Return the links of the report, and those among them that lead nowhere."""
    targets = tuple(dict.fromkeys(_targets((evidence.report or b"").decode("utf-8", "replace"))))
    web = tuple(target for target in targets if target.startswith(_WEB))
    local = tuple(unquote(target.partition("#")[0]) for target in targets if target not in web and target[0] != "#")
    inside = tuple(path for path in local if PurePosixPath(path).parts[0] == evidence.folder.name)
    others = tuple(path for path in local if path not in inside)
    return Links(inside, others, web, tuple(_astray(evidence, inside, others)))


def _astray(evidence: Evidence, inside: tuple[str, ...], others: tuple[str, ...]) -> Iterator[Deviation]:
    for path in inside:
        if path.partition("/")[2] not in evidence.files:
            yield Deviation(evidence.report_name, f"links to {path}, which is not there")
    for path in others:
        if ".." in PurePosixPath(path).parts or path.startswith("/"):
            yield Deviation(evidence.report_name, f"links to {path}, out of the folder of reports")


def _targets(markdown: str) -> Iterator[str]:
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        yield from filter(None, map(_target, token.children or ()))


def _target(token: Token) -> str:
    return str(token.attrGet("href") or token.attrGet("src") or "")
