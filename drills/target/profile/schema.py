"""The JSON Schema of target profiles, by which editors complete and check them."""

from __future__ import annotations

import json

from drills.target.profile.model import Profile

#: The name of the schema's file, as profiles refer to it in their first line.
SCHEMA_FILE = "target.schema.json"


def profile_schema() -> str:
    """Return the schema as the text of a file."""
    return json.dumps(Profile.model_json_schema(), indent=1, sort_keys=True) + "\n"
