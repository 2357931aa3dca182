"""Publication: from a private run to files that may be committed, checked to the last byte before any is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from drills.canonical import digest_of_bytes
from drills.errors import PublicationRefused, SecretFound
from drills.evidence.durable import read_regular
from drills.evidence.ledger import GENESIS, read_ledger, read_valid_prefix
from drills.evidence.manifest import MANIFEST, Manifest, describe, describe_all
from drills.evidence.naming import alternatives, media_type_of, slug
from drills.evidence.placing import finish_interrupted, is_free, place, refusing, report_of
from drills.evidence.records import Artefact, LedgerEntry
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan_files

RECORD, LEDGER = "drill.json", "ledger.jsonl"
#: So that a year of nightly drills stays a repository one can clone.
BUDGET_BYTES = 1_500_000
NAMED_LARGEST = 5


class Attestor(Protocol):
    """Signs what is published."""

    @property
    def signed_by(self) -> str:
        """The fingerprint of the key."""
        ...

    def attest(self, manifest: Manifest) -> Mapping[str, bytes]:
        """Return the files that attest ``manifest``, by name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a drill publishes.

    ``report`` is given the name of the published folder and returns Markdown that links into it. ``artefacts`` is the
    folder of an :class:`~drills.evidence.artefacts.ArtefactStore`, ``extra`` holds further files by name (JUnit XML,
    the pytest HTML page), which are redacted here. Without an ``attestor`` nothing is signed.
    """

    date: dt.date
    slug: str
    report: Callable[[str], str]
    record: bytes
    artefacts: Path
    ledger: Path
    redactor: Redactor
    extra: Mapping[str, bytes] = field(default_factory=dict)
    budget_bytes: int = BUDGET_BYTES
    attestor: Attestor | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """Where a publication is, and its manifest."""

    report: Path
    folder: Path
    manifest: Manifest


def publish(publication: Publication, out: Path) -> Published:
    """Publish into ``out`` as ``<date>-<slug>.md`` and a folder of that name; the second of a day ends in ``-2``.

    All of it appears or nothing does, and nothing that exists is overwritten. No byte is written to ``out`` before
    every byte has been scanned.

    Raises:
        LedgerDamaged: the ledger's chain is not whole; a torn last line alone is left out.
        SecretFound: the scan found a secret; the message names the files, never the secret.
        PublicationRefused: a file has a wrong name, type or content, all together are too large, or the disk refused.
    """
    entries = _entries(publication.ledger)
    with refusing(out):
        out.mkdir(parents=True, exist_ok=True)
        out = out.resolve(strict=True)
        finish_interrupted(out)
        files = _files(publication, entries)
        names = alternatives(f"{publication.date.isoformat()}-{slug(publication.slug)}")
        for folder in filter(is_free, (out / name for name in names)):
            draft = _draft(publication, folder.name, files, entries)
            if place(folder, draft.files, draft.report):
                return Published(report_of(folder), folder, draft.manifest)
    raise PublicationRefused(f"{out}: no name is left for {publication.slug!r} on {publication.date}")


def _entries(ledger: Path) -> tuple[LedgerEntry, ...]:
    """Return the entries of a ledger; a last line that a killed drill left torn says nothing and is left out."""
    reading = read_valid_prefix(ledger)
    return reading.entries if reading.is_torn else read_ledger(ledger)


def _files(publication: Publication, entries: Sequence[LedgerEntry]) -> dict[str, bytes]:
    artefacts = _artefacts(publication.artefacts, entries)
    extra = {name: _redacted(publication.redactor, name, content) for name, content in publication.extra.items()}
    whole_lines, _, _ = read_regular(publication.ledger).rpartition(b"\n")
    own = {RECORD: publication.record, LEDGER: whole_lines + b"\n" if whole_lines else b""}
    taken = [*own, *artefacts, *extra, MANIFEST]
    _demand_unique(taken)
    return {**own, **artefacts, **extra}


def _demand_unique(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PublicationRefused(f"two files to publish have the same name: {', '.join(twice)}")


def _redacted(redactor: Redactor, name: str, content: bytes) -> bytes:
    return redactor.redact_bytes(content, media_type_of(name))[0]


def _artefacts(folder: Path, entries: Sequence[LedgerEntry]) -> dict[str, bytes]:
    """Return the files that the ledger speaks of, as it says they are.

    Any other file stays where it is: a drill that was killed may have written one without entering it.
    """
    kept = {entry.fact.path: entry.fact.sha256 for entry in entries if isinstance(entry.fact, Artefact)}
    found = {name: _plain_file(folder / name) for name in kept}
    altered = sorted(name for name in kept if digest_of_bytes(found[name]) != kept[name])
    if altered:
        raise PublicationRefused(f"{folder}: altered since the ledger spoke of it: {', '.join(altered)}")
    return found


def _plain_file(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise PublicationRefused(f"{path}: missing, or not a plain file: no symlinks, folders or devices are published")
    return read_regular(path)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A publication under one name, checked."""

    files: Mapping[str, bytes]
    report: bytes
    manifest: Manifest


def _draft(publication: Publication, name: str, files: Mapping[str, bytes], entries: Sequence[LedgerEntry]) -> _Draft:
    report = publication.report(name).encode()
    attestor = publication.attestor
    manifest = Manifest(
        name=name,
        ledger_head=entries[-1].hash if entries else GENESIS,
        ledger_entries=len(entries),
        signed_by=attestor.signed_by if attestor else None,
        report=describe(f"{name}.md", report),
        files=describe_all(files),
    )
    attestations = attestor.attest(manifest) if attestor else {}
    _demand_unique([*files, *attestations])
    draft = _Draft({**files, MANIFEST: manifest.encode(), **attestations}, report, manifest)
    everything = {f"{name}.md": report, **{f"{name}/{path}": content for path, content in draft.files.items()}}
    _fits(everything, publication.budget_bytes)
    _holds_no_secret(everything, publication.redactor)
    return draft


def _fits(files: Mapping[str, bytes], budget: int) -> None:
    total = sum(map(len, files.values()))
    if total > budget:
        largest = sorted(files, key=lambda name: -len(files[name]))[:NAMED_LARGEST]
        raise PublicationRefused(
            f"{total} bytes are more than the {budget} that one drill may add to the repository; the largest files: "
            + ", ".join(f"{name} ({len(files[name])})" for name in largest),
            remedy="keep smaller pictures and fewer samples, or raise the budget",
        )


def _holds_no_secret(files: Mapping[str, bytes], redactor: Redactor) -> None:
    findings = scan_files(files, redactor.secrets)
    if findings:
        raise SecretFound(
            "nothing was published; the last scan found secrets:\n" + "\n".join(f"  - {found}" for found in findings),
            remedy="the run folder still holds the evidence: find out how the secret got past the redactor",
        )
