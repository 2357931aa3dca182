"""Where both lanes keep their documents, as a target profile says it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from drills.target.fields import Frozen, SecretReference

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=63)]
TableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?$", max_length=127)]


class HashScheme(StrEnum):
    """What the hash of a checkpoint was computed from.

    ``canonical-json`` is SHA-256 of canonical JSON, written ``sha256:<hex>``. The other two are SHA-256 of the Erlang
    external term format, in lower-case hex: Erlang/OTP 26 changed how that format writes ``true``, ``false`` and
    ``nil``, so a runtime on an older OTP has hashes of its own.
    """

    CANONICAL_JSON = "canonical-json"
    ERLANG_TERM = "erlang-term"
    ERLANG_TERM_OTP25 = "erlang-term-otp25"


class CheckpointTable(Frozen):
    """The legacy lane's table of checkpoints, one row for each document, and the names of its columns."""

    table: TableName = "convex_projection_checkpoints"
    document_id: Identifier = "document_id"
    projection_name: Identifier = "projection_name"
    seq: Identifier = "last_runtime_seq"
    summary_hash: Identifier = "summary_hash"
    updated_at: Identifier = "updated_at"


class ReadModelTable(Frozen):
    """Khala's table of read models, one row for each document, and the names of its columns."""

    table: TableName = "sync_read_models"
    doc_key: Identifier = "doc_key"
    doc_version: Identifier = "doc_version"
    payload: Identifier = "payload"


class ParitySettings(Frozen):
    """The database that both lanes are read from, with an account that may only read.

    ``auditor_sample`` is how many of the newest checkpoints the runtime's auditor takes in a cycle. Documents that
    disagree are looked at again for ``settle_seconds``, because the lanes commit one after the other. ``tolerance`` is
    how far the auditor's outcomes and the drill's own may lie apart, as a share of the documents.
    """

    database: SecretReference
    hash_scheme: HashScheme = HashScheme.CANONICAL_JSON
    checkpoints: CheckpointTable = CheckpointTable()
    read_models: ReadModelTable = ReadModelTable()
    projections: tuple[str, ...] = ("run_summary", "codex_worker_summary")
    auditor_sample: Annotated[int, Field(ge=1, le=10_000)] = 200
    settle_seconds: Annotated[float, Field(ge=0, le=300)] = 1.5
    statement_timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 120
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.01
