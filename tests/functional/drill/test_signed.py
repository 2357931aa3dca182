"""Others accept what is signed: OpenSSL, Sigstore's own library, in-toto's own validators."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import (  # type: ignore[import-untyped]  # ships no types
    TestResult as ResultMessage,
)
from in_toto_attestation.v1.statement import (  # type: ignore[import-untyped]  # ships no types
    Statement as CheckedStatement,
)
from in_toto_attestation.v1.statement_pb2 import (  # type: ignore[import-untyped]  # ships no types
    Statement as StatementMessage,
)

from drills.attestation import verify
from drills.attestation.signature import Signature
from drills.evidence.key_files import write_key_pair
from drills.evidence.signing import PublicKey
from drills.evidence.statements import RESULTS

PROGRAM = Path(__file__).with_name("sigstore_verify.mjs")
PACKAGES = ("@sigstore/bundle@4", "@sigstore/verify@3")
INSTALL_SECONDS = 120
STATEMENTS = ("test-result", "drill")


@pytest.fixture
def folder(outcome: Any) -> Path:
    """The folder of a drill that was really run and signed."""
    (found,) = (path for path in outcome.out.iterdir() if path.is_dir())
    return Path(found)


@pytest.fixture
def public(signing_key: Path) -> Path:
    return signing_key.with_name(f"{signing_key.name}.pub")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public key that OpenSSL made, and that signed nothing."""
    private = tmp_path_factory.mktemp("stranger") / "key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", f"{private}.pub"], check=True)
    return Path(f"{private}.pub")


def envelope(folder: Path, statement: str) -> Any:
    return json.loads((folder / f"{statement}.dsse.json").read_bytes())


def encoded(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding, written down here from its specification."""
    return b" ".join([b"DSSEv1", b"%d" % len(payload_type), payload_type.encode(), b"%d" % len(payload), payload])


def openssl_accepts(content: bytes, signature: bytes, key: Path, place: Path) -> bool:
    (place / "content").write_bytes(content)
    (place / "signature").write_bytes(signature)
    files: list[str | Path] = ["-inkey", key, "-in", place / "content", "-sigfile", place / "signature"]
    words: list[str | Path] = ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not installed")
@pytest.mark.parametrize("statement", STATEMENTS)
def test_openssl_accepts_the_signature_and_nothing_else(
    statement: str, folder: Path, public: Path, stranger: Path, tmp_path: Path
) -> None:
    """Over the exact bytes, with this key: not over others, and not with another."""
    signed = envelope(folder, statement)
    payload = base64.b64decode(signed["payload"])
    content, signature = encoded(signed["payloadType"], payload), base64.b64decode(signed["signatures"][0]["sig"])

    assert openssl_accepts(content, signature, public, tmp_path)
    assert not openssl_accepts(content.replace(b"gitCommit", b"gitcommit", 1), signature, public, tmp_path)
    assert not openssl_accepts(content, signature, stranger, tmp_path)
    assert not openssl_accepts(payload, signature, public, tmp_path)


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, Path, str], str]:
    """Sigstore's own JavaScript library."""
    if not (shutil.which("node") and (npm := shutil.which("npm"))):
        pytest.skip("node and npm are not installed")
    packages = tmp_path_factory.mktemp("node")
    (packages / "package.json").write_text("{}")
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
    try:
        subprocess.run(
            [npm, "install", *quiet, *PACKAGES], cwd=packages, check=True, capture_output=True, timeout=INSTALL_SECONDS
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"the packages {', '.join(PACKAGES)} cannot be installed: {error}")

    def say(bundle: Path, key: Path, fingerprint: str) -> str:
        words: list[str | Path] = ["node", PROGRAM, packages, bundle, key, fingerprint]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    return say


def test_sigstore_accepts_the_bundle_and_no_other(
    sigstore: Callable[[Path, Path, str], str], folder: Path, public: Path, stranger: Path, tmp_path: Path
) -> None:
    """Both bundles as they are; not with another key, nor with another payload, signature or hint."""
    for statement in STATEMENTS:
        bundle = folder / f"{statement}.sigstore.json"
        document = json.loads(bundle.read_bytes())
        hint = document["verificationMaterial"]["publicKey"]["hint"]
        assert sigstore(bundle, public, hint) == "accepted application/vnd.dev.sigstore.bundle.v0.3+json"
        assert sigstore(bundle, stranger, hint) == "refused SIGNATURE_ERROR"
    assert sigstore(bundle, public, "sha256:other") == "refused PUBLIC_KEY_ERROR"
    changed = tmp_path / "changed.json"
    statement_bytes = base64.b64decode(document["dsseEnvelope"]["payload"]).replace(b"NO-GO", b"GO", 1)
    document["dsseEnvelope"]["payload"] = base64.b64encode(statement_bytes).decode()
    changed.write_text(json.dumps(document))
    assert sigstore(changed, public, hint) == "refused SIGNATURE_ERROR"


@pytest.mark.parametrize("statement", STATEMENTS)
def test_in_toto_accepts_what_was_really_published(statement: str, folder: Path, outcome: Any) -> None:
    """Statement and subjects validate; they are the commit under drill and the manifest that lies there."""
    payload = base64.b64decode(envelope(folder, statement)["payload"])
    message = json_format.Parse(payload, StatementMessage())
    CheckedStatement.copy_from_pb(message).validate()
    manifest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    commit = outcome.record.provenance.commit.sha

    assert [dict(subject.digest) for subject in message.subject] == [{"gitCommit": commit}, {"sha256": manifest}]


def test_in_totos_schema_accepts_the_result_that_was_really_published(folder: Path, outcome: Any) -> None:
    """No field is unknown to it, and it says what the record says."""
    predicate = json.loads(base64.b64decode(envelope(folder, "test-result")["payload"]))["predicate"]
    message = json_format.ParseDict(predicate, ResultMessage())

    assert message.result == RESULTS[outcome.record.verdict]
    assert "rollback/web" in [*message.passed_tests, *message.warned_tests, *message.failed_tests]


def test_the_key_is_nowhere_in_the_evidence(folder: Path, signing_key: Path) -> None:
    """It came in a variable of the drill's environment, and went nowhere."""
    body = signing_key.read_text(encoding="utf-8").splitlines()[1].encode()
    files = [*folder.iterdir(), folder.with_name(f"{folder.name}.md")]

    assert [path.name for path in files if body in path.read_bytes()] == []
    assert [path.name for path in files if body[-43:] in path.read_bytes()] == []


def test_the_drill_says_that_it_signed(outcome: Any, public: Path) -> None:
    """The last lines name the key, so that the operator sees a wrong one."""
    assert f"signed by {PublicKey.load(public).fingerprint}" in outcome.output


def test_a_run_can_be_signed_later(outcome: Any, tmp_path: Path) -> None:
    """`drill report` publishes it again, signed with the key that it is given, or unsigned without one."""
    write_key_pair(tmp_path / "other.key")
    state = {**os.environ, "XDG_STATE_HOME": str(outcome.out.parent / "state")}
    (run,) = (outcome.out.parent / "state" / "khala-drills" / "runs").iterdir()
    sign = {"signed": ["--sign-key", str(tmp_path / "other.key")], "unsigned": []}
    for place, words in sign.items():
        command = [sys.executable, "-m", "drills", "report", run.name, "--out", str(tmp_path / place), *words]
        assert subprocess.run(command, env=state, check=False, capture_output=True).returncode == outcome.code
    (signed,), (unsigned,) = ((tmp_path / place).glob("2*.md") for place in ("signed", "unsigned"))

    assert verify(signed, PublicKey.load(tmp_path / "other.key.pub")).signature is Signature.HOLDS
    assert verify(unsigned).signature is Signature.UNSIGNED
    assert "Unsigned: this shows that the evidence is consistent" in unsigned.read_text(encoding="utf-8")
