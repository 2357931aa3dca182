"""The published schema of target profiles is the one of the code, and editors can use it."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from drills.target.profile.schema import profile_schema

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "docs" / "target.schema.json"
REAL = ROOT / "tests" / "unit" / "target" / "real_staging.toml"
#: Set to write the schema anew: ``UPDATE_SCHEMA=1 nox -s docs``.
UPDATE = "UPDATE_SCHEMA"


def test_the_published_schema_is_current() -> None:
    """Who writes a profile in an editor is told by the schema beside the documentation."""
    if os.environ.get(UPDATE):
        SCHEMA.write_text(profile_schema(), encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == profile_schema()


@pytest.fixture
def validator() -> Draft202012Validator:
    """What an editor holds a profile against."""
    schema = json.loads(profile_schema())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_a_right_profile_holds_against_the_schema(validator: Draft202012Validator) -> None:
    """Nothing in it is marked by an editor."""
    assert [error.message for error in validator.iter_errors(tomllib.loads(REAL.read_text()))] == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('name = "real"\n', ""),
        ('operator = "runtime lane"', 'operater = "x"'),
        ('kind = "unleash"', 'kind = "unleesh"'),
        ("interval_seconds = 5", "interval_seconds = 0"),
        ('{ env = "UNLEASH_TOKEN" }', '"canary-token"'),
    ],
)
def test_a_mistake_is_marked(right: str, wrong: str, validator: Draft202012Validator) -> None:
    """A missing, unknown or wrong key is seen while it is typed."""
    text = REAL.read_text().replace(right, wrong, 1)
    assert list(validator.iter_errors(tomllib.loads(text))) != []
