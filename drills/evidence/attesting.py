"""The files that attest a publication: each statement as a DSSE envelope and, around that, as a Sigstore bundle.

The manifest covers every other file; these cover the manifest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from drills.evidence.drill_record import DrillRecord
from drills.evidence.envelope import Envelope
from drills.evidence.manifest import Manifest
from drills.evidence.signing import SigningKey
from drills.evidence.statements import statements

#: https://docs.sigstore.dev/about/bundle; its key is only hinted at, because trust comes from outside.
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENTS = ("test-result", "drill")


def envelope_name(statement: str) -> str:
    """Return the name under which the envelope of a statement is published."""
    return f"{statement}.dsse.json"


def bundle_name(statement: str) -> str:
    """Return the name under which the bundle of a statement is published."""
    return f"{statement}.sigstore.json"


ATTESTATIONS = frozenset(name(statement) for statement in STATEMENTS for name in (envelope_name, bundle_name))


@dataclass(frozen=True, slots=True)
class Attestor:
    """Attests the publication of ``record`` with ``key``."""

    record: DrillRecord
    key: SigningKey

    @property
    def signed_by(self) -> str:
        """The fingerprint of the key."""
        return self.key.public.fingerprint

    def attest(self, manifest: Manifest) -> Mapping[str, bytes]:
        """Return the attestation files by name; the same record, manifest and key give the same bytes."""
        files: dict[str, bytes] = {}
        for name, statement in statements(self.record, manifest).items():
            envelope = self.key.sign(statement.encode())
            files |= {envelope_name(name): envelope.encode(), bundle_name(name): bundle(envelope)}
        return files


def bundle(envelope: Envelope) -> bytes:
    """Return ``envelope`` as a Sigstore bundle."""
    document = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": envelope.signatures[0].keyid}},
        "dsseEnvelope": envelope.fields(),
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
