"""What the two lanes hold, read in the shape that parity is judged on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import orjson
from sqlalchemy import Connection, select

from drills import canonical
from drills.staging.parity import Checkpoint, ReadModel
from drills.staging.store import checkpoints, read_models


def read_checkpoints(
    connection: Connection, limit: int | None = None, only: Collection[str] | None = None
) -> Sequence[Checkpoint]:
    """Return the ``limit`` most recently updated checkpoints (all when None), of the documents in ``only`` if given."""
    query = select(checkpoints).order_by(checkpoints.c.updated_at.desc()).limit(limit)
    if only is not None:
        query = query.where(checkpoints.c.document_id.in_(only))
    return [
        Checkpoint(row.document_id, row.projection_name, row.last_runtime_seq, row.summary_hash)
        for row in connection.execute(query)
    ]


def read_read_models(connection: Connection, only: Collection[str] | None = None) -> Mapping[str, ReadModel]:
    """Return the read models, of the documents in ``only`` if given, each hashed as its checkpoint is."""
    query = select(read_models)
    if only is not None:
        query = query.where(read_models.c.doc_key.in_(only))
    return {
        row.doc_key: ReadModel(row.doc_version, row.payload_hash, canonical.summary_hash(orjson.loads(row.payload)))
        for row in connection.execute(query)
    }
