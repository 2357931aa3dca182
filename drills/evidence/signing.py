"""Keys and signatures: ed25519 over DSSE envelopes. The only importer of securesystemslib and of cryptography.

An envelope is signed over its pre-authentication encoding, https://github.com/secure-systems-lab/dsse. A key is known
by its fingerprint: the SHA-256 of its public half as SubjectPublicKeyInfo in DER, which any tool can compute.
"""

from __future__ import annotations

import base64
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope as SignedBytes
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import (  # type: ignore[attr-defined]  # documented there, missing in __all__
    CryptoSigner,
    SSlibKey,
)

from drills.canonical import digest_of_bytes
from drills.errors import SigningKeyInvalid
from drills.evidence.envelope import PAYLOAD_TYPE, Envelope

#: What the first and the last line of a PEM text begin with.
_FRAME = "-----"
_MOST_BYTES = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_NEW_KEY = "`drill keygen` makes one"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half of a key that checks signatures."""

    public: Ed25519PublicKey

    @classmethod
    def parse(cls, pem: bytes, name: str) -> Self:
        """Return the key in a PEM text that came from ``name``.

        Raises:
            SigningKeyInvalid: it is not a public ed25519 key.
        """
        try:
            key = load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PublicKey):
            raise SigningKeyInvalid(
                f"{name} is not a public ed25519 key in PEM", remedy="name the .pub file that `drill keygen` wrote"
            )
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the key in a file.

        Raises:
            SigningKeyInvalid: the file cannot be read, or holds no such key.
        """
        try:
            with path.open("rb") as stream:
                return cls.parse(stream.read(_MOST_BYTES), str(path))
        except OSError as error:
            raise SigningKeyInvalid(f"{path} cannot be read: {error.strerror}", remedy="check the path") from None

    @property
    def fingerprint(self) -> str:
        """The key's name: ``sha256:`` and the digest of its DER form."""
        return digest_of_bytes(self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @property
    def pem(self) -> bytes:
        """The key as a PEM text."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def key(self) -> SSlibKey:
        """The key as securesystemslib has it, under its fingerprint."""
        return SSlibKey.from_crypto(self.public, keyid=self.fingerprint)

    def made(self, envelope: Envelope) -> bool:
        """Tell whether this key signed ``envelope``."""
        try:
            SignedBytes.from_dict(envelope.fields()).verify([self.key], threshold=1)
        except (VerificationError, ValueError, KeyError):
            return False
        return True


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """The half of a key that signs. Its text never shows it."""

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> Self:
        """Return a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def parse(cls, pem: bytes, name: str) -> Self:
        """Return the key in a PEM text that came from ``name``.

        Raises:
            SigningKeyInvalid: it is not a private ed25519 key without a passphrase.
        """
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise SigningKeyInvalid(f"{name} is not a private ed25519 key in PEM without a passphrase", remedy=_NEW_KEY)
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the key in a file that nobody but its owner can read.

        Raises:
            SigningKeyInvalid: others can read or change the file, or it holds no such key.
        """
        try:
            with path.open("rb") as stream:
                facts = os.fstat(stream.fileno())
                content = stream.read(_MOST_BYTES)
        except OSError as error:
            raise SigningKeyInvalid(f"{path} cannot be read: {error.strerror}", remedy=_NEW_KEY) from None
        if stat.S_IMODE(facts.st_mode) & _OTHERS:
            raise SigningKeyInvalid(f"{path} can be read or changed by others", remedy=f"chmod 600 {path}")
        return cls.parse(content, str(path))

    @property
    def public(self) -> PublicKey:
        """The half that may be known."""
        return PublicKey(self.private.public_key())

    @property
    def pem(self) -> bytes:
        """The key as a PEM text (PKCS #8, without a passphrase)."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def secrets(self) -> tuple[str, ...]:
        """What of this key must not be published: its PEM text, the body of that, and the bare number."""
        text = self.pem.decode()
        body = "".join(line for line in text.splitlines() if not line.startswith(_FRAME))
        raw = self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return text.strip(), body, raw.hex()

    def sign(self, payload: bytes) -> Envelope:
        """Return ``payload`` in an envelope that this key signed; the same payload gives the same envelope."""
        public = self.public.key
        signature = SignedBytes(payload, PAYLOAD_TYPE, {}).sign(CryptoSigner(self.private, public))
        return Envelope.around(payload, public.keyid, base64.b64encode(bytes.fromhex(signature.signature)).decode())
