"""What is signed, and by which key: only one that the verifier brings proves anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from drills.attestation.deviation import Deviation
from drills.attestation.reading import Evidence
from drills.canonical import digest_of_bytes
from drills.evidence.attesting import ATTESTATIONS, STATEMENTS, bundle, bundle_name, envelope_name
from drills.evidence.envelope import Envelope
from drills.evidence.manifest import MANIFEST
from drills.evidence.publication import RECORD
from drills.evidence.signing import PublicKey
from drills.evidence.statements import statements


class Signature(StrEnum):
    """What can be said of the signature."""

    UNSIGNED = "unsigned"
    NOT_CHECKED = "not checked"
    HOLDS = "holds"
    BROKEN = "broken"


def check_signature(evidence: Evidence, key: PublicKey | None) -> tuple[Signature, tuple[Deviation, ...]]:
    """Hold the attestation files against record, manifest and ``key``; return what that shows, and what is wrong."""
    signed_by = evidence.manifest.signed_by if evidence.manifest else None
    if signed_by is None and not (ATTESTATIONS & evidence.files.keys()):
        wrong = (Deviation(MANIFEST, "names no key: this drill is unsigned"),) if key else ()
        return (Signature.BROKEN if key else Signature.UNSIGNED), wrong
    deviations = tuple(_deviations(evidence, signed_by, key))
    if deviations:
        return Signature.BROKEN, deviations
    return (Signature.HOLDS if key else Signature.NOT_CHECKED), ()


def _deviations(evidence: Evidence, signed_by: str | None, key: PublicKey | None) -> Iterator[Deviation]:
    if key and signed_by != key.fingerprint:
        yield Deviation(MANIFEST, f"names {signed_by or 'no key'}, and the key that was given is {key.fingerprint}")
    expected = _expected(evidence)
    for name in STATEMENTS:
        content = evidence.files.get(envelope_name(name))
        if content is None:
            yield Deviation(envelope_name(name), "is missing, which is the signature")
            yield from _orphan(evidence, name)
            continue
        yield from _envelope(envelope_name(name), content, expected.get(name), signed_by, key)
        yield from _other_manifest(evidence, envelope_name(name), content)
        yield from _bundle(bundle_name(name), evidence.files.get(bundle_name(name)), content)


def _expected(evidence: Evidence) -> Mapping[str, bytes]:
    """Return the statements as record and manifest give them; none where one of the two cannot be read."""
    if evidence.record is None or evidence.manifest is None:
        return {}
    try:
        return {name: one.encode() for name, one in statements(evidence.record, evidence.manifest).items()}
    except ValueError:  # a number that no JSON reader would keep; the ledger gives another record then
        return {}


def _envelope(
    file: str, content: bytes, expected: bytes | None, signed_by: str | None, key: PublicKey | None
) -> Iterator[Deviation]:
    envelope = Envelope.parse(content)
    if envelope is None or len(envelope.signatures) != 1:
        yield Deviation(file, "is not an envelope with one signature")
        return
    (signature,) = envelope.signatures
    if expected is not None and signed_by is not None:
        as_published = Envelope.around(expected, signed_by, signature.sig)
        if envelope.payload != as_published.payload:
            yield Deviation(file, f"does not state what {RECORD} and {MANIFEST} say")
        elif as_published.encode() != content:
            yield Deviation(file, "is not written as it is when it is published")
    if key and not key.made(envelope):
        yield Deviation(file, f"was not signed by {key.fingerprint}")


def _other_manifest(evidence: Evidence, file: str, content: bytes) -> Iterator[Deviation]:
    """Yield the manifest when the statement speaks of another one: then it is the manifest that was exchanged."""
    envelope, manifest = Envelope.parse(content), evidence.files.get(MANIFEST)
    if envelope and manifest and digest_of_bytes(manifest).removeprefix("sha256:").encode() not in envelope.statement:
        yield Deviation(MANIFEST, f"is not the one that {file} speaks of")


def _bundle(file: str, content: bytes | None, envelope_file: bytes) -> Iterator[Deviation]:
    envelope = Envelope.parse(envelope_file)
    if content is None:
        yield Deviation(file, "is missing, which holds the signature for other tools")
    elif envelope is None or not envelope.signatures or bundle(envelope) != content:
        yield Deviation(file, "does not hold the envelope beside it")


def _orphan(evidence: Evidence, name: str) -> Iterator[Deviation]:
    """Yield a bundle that lost its envelope, or that is lost with it."""
    found = bundle_name(name) in evidence.files
    yield Deviation(bundle_name(name), "has lost its envelope" if found else "is missing as well")
