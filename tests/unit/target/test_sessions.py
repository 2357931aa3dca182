"""What a surface is entered with: login files and stored sessions, and the secrets in them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from drills.errors import ProfileInvalid
from drills.target.profile import Profile, parse_profile
from drills.target.profile.references import caveats, secrets_of
from drills.target.sessions import read_login, stored_secrets

REAL = Path(__file__).with_name("real_staging.toml")
LOGIN = 'url = "https://admin.example/login"\nsteps = [{ fill = "#password", secret = { file = "password" } }]\n'


def test_every_secret_is_known_before_anything_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the profile, of its login files, and of stored sessions; each under the name of its place."""
    for name in ("STAGING_SESSION", "STAGING_KEY", "UNLEASH_TOKEN", "ADMIN_PASSWORD"):
        monkeypatch.setenv(name, f"canary-{name.lower()}")
    (tmp_path / "login.toml").write_text(LOGIN)
    (tmp_path / "password").write_text("canary-password\n")
    state = {
        "cookies": [{"name": "s", "value": "canary-cookie"}, {"name": "theme", "value": "dark"}],
        "origins": [{"origin": "https://x", "localStorage": [{"name": "t", "value": "canary-stored"}]}],
    }
    (tmp_path / "state.json").write_text(json.dumps(state))
    document: dict[str, Any] = tomllib.loads(REAL.read_text())
    document["surfaces"]["web"] |= {"login": tmp_path / "login.toml", "storage_state": tmp_path / "state.json"}
    assert sorted(secrets_of(parse_profile(document, "p"))) == [
        ("khala-session", "canary-staging_session"),
        ("login-web", "canary-password"),
        ("session-web", "canary-cookie"),
        ("session-web", "canary-stored"),
        ("stimulus-headers-Authorization", "canary-staging_key"),
        ("switches-parity-auditor-steps-secret", "canary-admin_password"),
        ("switches-web-token", "canary-unleash_token"),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "No such file"),
        (b"\xff", "is not TOML"),
        (b"url = ", "is not TOML"),
        (b'url = "https://a"\nsteps = [{ clic = "#a" }]', "steps.0.clic: Extra inputs"),
        (b"#" * 1_000_001, "is larger than 1,000,000 bytes"),
    ],
)
def test_a_login_file_that_cannot_be_used_is_told(content: bytes | None, told: str, tmp_path: Path) -> None:
    """With its path, and where in it."""
    path = tmp_path / "login.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ProfileInvalid, match=told):
        read_login(path)


@pytest.mark.parametrize("content", ["{", '{"cookies": 5}', "[]"])
def test_a_stored_session_that_is_none_is_told(content: str, tmp_path: Path) -> None:
    """It would let nobody in, and its secrets could not be taken out of the evidence."""
    path = tmp_path / "state.json"
    path.write_text(content)
    with pytest.raises(ProfileInvalid, match="no storage state"):
        list(stored_secrets(path))


def test_only_switches_on_pages_have_a_caveat() -> None:
    """Every other kind is put back by the watchdog alone."""
    profile: Profile = parse_profile(tomllib.loads(REAL.read_text()), "p")
    assert len(list(caveats(profile))) == 1
    others = {name: one for name, one in profile.switches.items() if name != "parity-auditor"}
    assert list(caveats(profile.model_copy(update={"switches": others}))) == []
