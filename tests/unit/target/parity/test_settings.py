from __future__ import annotations

import pytest
from pydantic import ValidationError

from drills.target.fields import SecretReference
from drills.target.parity import statements
from drills.target.parity.settings import CheckpointTable, ParitySettings, ReadModelTable

DATABASE = SecretReference(env="UNUSED")


@pytest.mark.parametrize("name", ['a"b', "a;DROP TABLE b", "a.b.c", "", "1a", "a b", "a--"])
def test_a_name_that_could_be_more_than_a_name_is_refused(name: str) -> None:
    """Names of tables and columns go into statements, so that only plain ones are taken."""
    with pytest.raises(ValidationError, match="table"):
        CheckpointTable(table=name)
    with pytest.raises(ValidationError, match="payload"):
        ReadModelTable(payload=name or "-")


def test_names_are_put_where_they_belong() -> None:
    """A schema goes before its table, each in quotes; values are never put into a statement."""
    settings = ParitySettings(
        database=DATABASE,
        checkpoints=CheckpointTable(table="lanes.marks", document_id="id"),
        read_models=ReadModelTable(table="docs", doc_key="key"),
    )

    assert 'FROM "lanes"."marks" AS c LEFT JOIN "docs" AS r ON r."key" = c."id"' in statements.every(settings)
    assert statements.named(settings, "%s", 2).endswith('WHERE c."id" IN (%s, %s)')
    assert 'ORDER BY "updated_at" DESC LIMIT 200' in statements.newest(settings)
