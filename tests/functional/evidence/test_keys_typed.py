"""Keys as a user types them: made, refused, and kept away from everything that a drill starts."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from drills.cli import main
from drills.evidence.key_files import KEY_FILE_VARIABLE, KEY_VARIABLE
from drills.evidence.redaction import Redactor
from drills.evidence.signing import SigningKey
from drills.plugin.signature import take_key


def typed(*words: str | Path) -> tuple[int, str]:
    """Return exit code and output of a command."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.output


def test_keygen_says_what_to_do_with_each_half(tmp_path: Path) -> None:
    """Where both are, the fingerprint, and the next command; never the key itself."""
    code, words = typed("keygen", "--out", tmp_path / "signing.key")
    key = SigningKey.load(tmp_path / "signing.key")

    assert code == 0
    assert f"fingerprint: {key.public.fingerprint}" in words
    assert f"drill run --sign-key {tmp_path}/signing.key" in words
    assert [secret for secret in key.secrets if secret in words] == []


def test_keygen_without_a_place_uses_the_configuration_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made for its owner alone; a second time nothing is overwritten."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    first = typed("keygen")[0]
    folder = tmp_path / "config" / "khala-drills"
    before = (folder / "signing.key").read_bytes()
    code, words = typed("keygen")

    assert (first, stat.S_IMODE(folder.stat().st_mode)) == (0, 0o700)
    assert (code, "signing.key.pub: no key was written: File exists" in words) == (2, True)
    assert "docs/messages.md#signing-key-invalid" in words
    assert (folder / "signing.key").read_bytes() == before


def test_a_drill_with_a_key_that_others_can_read_does_not_start(tmp_path: Path) -> None:
    """Exit code 2 before anything is touched, and the command that mends it."""
    typed("keygen", "--out", tmp_path / "signing.key")
    (tmp_path / "signing.key").chmod(0o644)
    words = ["run", "--out", str(tmp_path / "out"), "--sign-key", str(tmp_path / "signing.key")]
    done = subprocess.run(
        [sys.executable, "-m", "drills", *words],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert f"chmod 600 {tmp_path}/signing.key" in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_a_key_in_a_variable_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers, staging and commands are started without it, and the redactor knows it."""
    key = SigningKey.generate()
    monkeypatch.setenv(KEY_VARIABLE, key.pem.decode())
    redactor = Redactor()
    taken = take_key(None, redactor)
    child = [sys.executable, "-c", "import os; print(dict(os.environ))"]
    inherited = subprocess.run(child, stdout=subprocess.PIPE, check=True)

    assert taken is not None
    assert taken.public.fingerprint == key.public.fingerprint
    assert KEY_VARIABLE.encode() not in inherited.stdout
    assert redactor.redact(key.secrets[1]) == "«redacted:signing-key»"


def test_a_key_in_a_file_is_found_by_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For machines that mount secrets as files."""
    typed("keygen", "--out", tmp_path / "signing.key")
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "signing.key"))
    taken = take_key(None, Redactor())

    assert taken is not None
    assert taken.pem == (tmp_path / "signing.key").read_bytes()
