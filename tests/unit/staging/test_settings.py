from __future__ import annotations

import secrets
from pathlib import Path

import orjson
import pytest

from drills.errors import ConfigurationError
from drills.staging import settings
from drills.staging.settings import StagingConfig


def facts(folder: Path) -> dict[str, object]:
    """Return the facts of a config that is right."""
    return {
        "database_url": "sqlite://",
        "runtime_url": "http://127.0.0.1:1",
        "convex_url": "http://127.0.0.1:2",
        "supervisor_url": "http://127.0.0.1:3",
        "surface_urls": dict.fromkeys(("web", "mobile", "desktop"), "http://127.0.0.1:4"),
        "operator_token": f"canary-{secrets.token_urlsafe()}",
        "session_secret": f"canary-{secrets.token_urlsafe()}",
        "jwt_keys": [{"kid": "k", "secret": f"canary-{secrets.token_urlsafe(32)}", "current": True}],
        "state_dir": str(folder),
    }


def test_a_config_survives_its_file(tmp_path: Path) -> None:
    """What was saved is what is loaded, secrets included, and only its owner can read the file."""
    config = StagingConfig.model_validate(facts(tmp_path))
    settings.save(config, tmp_path / "config.json")

    assert settings.load(tmp_path / "config.json") == config
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600


def test_a_config_is_never_overwritten(tmp_path: Path) -> None:
    """Saving over a file is refused."""
    config = StagingConfig.model_validate(facts(tmp_path))
    settings.save(config, tmp_path / "config.json")
    with pytest.raises(FileExistsError):
        settings.save(config, tmp_path / "config.json")


def test_a_printed_config_shows_no_secret(tmp_path: Path) -> None:
    """Neither its text nor its ordinary JSON holds a secret."""
    config = StagingConfig.model_validate(facts(tmp_path))

    assert "canary-" not in repr(config)
    assert "canary-" not in config.model_dump_json()


def test_all_mistakes_are_told_without_the_values(tmp_path: Path) -> None:
    """Every mistake is listed with its place, no input is repeated."""
    wrong = {**facts(tmp_path), "token_ttl_seconds": 30, "parity_sample": 0, "canary-key": "canary-value"}
    path = tmp_path / "config.json"
    path.write_bytes(orjson.dumps(wrong))
    with pytest.raises(ConfigurationError) as refused:
        settings.load(path)

    assert len(refused.value.mistakes) == 3
    assert "canary-value" not in str(refused.value)


@pytest.mark.parametrize("current", [0, 2])
def test_exactly_one_key_signs(tmp_path: Path, current: int) -> None:
    """A config with no current key, or two, is none."""
    keys = [
        {"kid": str(place), "secret": f"canary-{secrets.token_urlsafe(32)}", "current": place < current}
        for place in range(2)
    ]
    with pytest.raises(ValueError, match="exactly one"):
        StagingConfig.model_validate({**facts(tmp_path), "jwt_keys": keys})


def test_a_process_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the variable, or without the file, the error says what to do."""
    monkeypatch.delenv(settings.CONFIG_VARIABLE, raising=False)
    with pytest.raises(ConfigurationError, match=settings.CONFIG_VARIABLE):
        settings.from_environment()
    monkeypatch.setenv(settings.CONFIG_VARIABLE, str(tmp_path / "missing.json"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        settings.from_environment()
