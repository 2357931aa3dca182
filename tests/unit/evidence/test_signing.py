"""Keys that are fit to sign, and signatures that only their key could have made."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from drills.errors import SigningKeyInvalid
from drills.evidence.envelope import Envelope
from drills.evidence.key_files import find_signing_key, write_key_pair
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan_files
from drills.evidence.signing import PublicKey, SigningKey


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "signing.key"
    write_key_pair(path)
    return path


def test_a_new_key_is_for_its_owner_alone_and_its_public_half_for_everyone(key: Path) -> None:
    """Private 0600, public 0644, and both are two halves of one key."""
    public = key.with_name("signing.key.pub")

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(public.stat().st_mode) == 0o644
    assert SigningKey.load(key).public.fingerprint == PublicKey.load(public).fingerprint


@pytest.mark.parametrize("taken", ["signing.key", "signing.key.pub"])
def test_a_key_is_never_written_over(taken: str, tmp_path: Path) -> None:
    """Whichever half is there already, nothing is written and nothing changes."""
    (tmp_path / taken).write_text("mine")

    with pytest.raises(SigningKeyInvalid, match=f"{taken}: no key was written: File exists"):
        write_key_pair(tmp_path / "signing.key")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(taken, "mine")]


def test_no_key_is_put_where_others_could_exchange_it(tmp_path: Path) -> None:
    """A folder that a group can change is refused, with the command that mends it."""
    tmp_path.chmod(0o770)

    with pytest.raises(SigningKeyInvalid, match=r"can be changed by others\n  next: chmod go-w"):
        write_key_pair(tmp_path / "signing.key")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The message says which one."""
    with pytest.raises(SigningKeyInvalid, match="nowhere: no key was written: No such file"):
        write_key_pair(tmp_path / "nowhere" / "signing.key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_key_that_others_can_read_or_change_does_not_sign(mode: int, key: Path) -> None:
    """What others may have seen proves nothing about who signed."""
    key.chmod(mode)

    with pytest.raises(SigningKeyInvalid, match="can be read or changed by others"):
        SigningKey.load(key)


def _elliptic() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _locked() -> bytes:
    return SigningKey.generate().private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary-passphrase")
    )


def _public() -> bytes:
    return SigningKey.generate().public.pem


@pytest.mark.parametrize("content", [_elliptic, _locked, _public, lambda: b"", lambda: b"\xff\x00"])
def test_what_is_no_key_of_this_kind_does_not_sign(content: Callable[[], bytes]) -> None:
    """Another algorithm, a passphrase, the wrong half, nothing, noise: each is refused, and none is shown."""
    with pytest.raises(
        SigningKeyInvalid, match="here is not a private ed25519 key in PEM without a passphrase"
    ) as raised:
        SigningKey.parse(content(), "here")
    assert "BEGIN" not in str(raised.value)


@pytest.mark.parametrize("content", [_elliptic, lambda: SigningKey.generate().pem, lambda: b"", lambda: b"\xff"])
def test_what_is_no_public_key_of_this_kind_verifies_nothing(content: Callable[[], bytes], tmp_path: Path) -> None:
    """A private key is refused as well: it should not be where people verify."""
    path = tmp_path / "key.pub"
    path.write_bytes(content())

    with pytest.raises(SigningKeyInvalid, match="is not a public ed25519 key"):
        PublicKey.load(path)


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    """To sign or to verify, the path is in the message."""
    for load in (SigningKey.load, PublicKey.load):
        with pytest.raises(SigningKeyInvalid, match="absent cannot be read: No such file"):
            load(tmp_path / "absent")


def test_the_option_comes_first_then_the_file_then_the_text(key: Path, tmp_path: Path) -> None:
    """Each way gives its key, and without any there is none."""
    other = tmp_path / "other.key"
    text = SigningKey.generate().pem.decode()
    second = write_key_pair(other)
    found = [
        find_signing_key(key, {"DRILL_SIGNING_KEY_FILE": str(other)}),
        find_signing_key(None, {"DRILL_SIGNING_KEY_FILE": str(other)}),
        find_signing_key(None, {"DRILL_SIGNING_KEY": text}),
    ]

    assert [one.pem if one else b"" for one in found] == [key.read_bytes(), second.pem, text.encode()]
    assert find_signing_key(None, {}) is None
    assert find_signing_key(None, {"DRILL_SIGNING_KEY": ""}) is None


def test_two_keys_in_the_environment_are_a_mistake(key: Path) -> None:
    """Nobody should have to guess which of them signed."""
    with pytest.raises(SigningKeyInvalid, match="both DRILL_SIGNING_KEY and DRILL_SIGNING_KEY_FILE are set"):
        find_signing_key(None, {"DRILL_SIGNING_KEY": "x", "DRILL_SIGNING_KEY_FILE": str(key)})


def test_only_the_key_that_signed_says_so() -> None:
    """Its own envelope holds; another key, another payload and another signature do not."""
    key, other = SigningKey.generate(), SigningKey.generate()
    envelope = key.sign(b'{"a":1}')
    sig = envelope.signatures[0].sig

    assert key.public.made(envelope)
    assert not other.public.made(envelope)
    assert not key.public.made(Envelope.around(b'{"a":2}', key.public.fingerprint, sig))
    assert not key.public.made(Envelope.around(b'{"a":1}', other.public.fingerprint, sig))
    for broken in ("", "!", "AAAA", "é", sig[:-4]):
        assert not key.public.made(Envelope.around(b'{"a":1}', key.public.fingerprint, broken))


def test_an_envelope_has_one_form() -> None:
    """The same payload and key give the same bytes, and they can be read back."""
    key = SigningKey.generate()
    envelope = key.sign(b"{}")

    assert key.sign(b"{}").encode() == envelope.encode()
    assert Envelope.parse(envelope.encode()) == envelope
    assert Envelope.parse(b"{}") is None


def test_a_fingerprint_is_the_digest_of_the_public_key_in_der(key: Path) -> None:
    """Any tool that writes DER computes the same."""
    public = load_pem_public_key(key.with_name("signing.key.pub").read_bytes())
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert SigningKey.load(key).public.fingerprint == f"sha256:{hashlib.sha256(der).hexdigest()}"


def test_a_key_never_shows_itself() -> None:
    """Neither its text nor a file with its PEM, its body or its number gets past redactor and scan."""
    key = SigningKey.generate()
    pem, body, number = key.secrets
    redactor = Redactor()
    for secret in key.secrets:
        redactor.register(secret, "signing-key")

    assert body not in repr(key)
    assert body not in redactor.redact(f"env: {pem}")
    assert number not in redactor.redact(f"key={number}")
    for secret in key.secrets:
        assert scan_files({"log.txt": f"x {secret} y".encode()}, redactor.secrets) != ()
    assert os.linesep not in body
