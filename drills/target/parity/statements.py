"""The statements of the audit. Names of tables and columns come from the profile, whose patterns allow no quote."""

from __future__ import annotations

from drills.target.parity.settings import ParitySettings


def every(settings: ParitySettings) -> str:
    """Return the statement that gives a row for each checkpoint, with its read model where there is one."""
    return f"{_columns(settings)} FROM {_quoted(settings.checkpoints.table)} AS c {_join(settings)}"


def newest(settings: ParitySettings) -> str:
    """Return the same for the checkpoints that the runtime's auditor takes: the most recently updated ones."""
    held = settings.checkpoints
    order = f'ORDER BY "{held.updated_at}" DESC LIMIT {settings.auditor_sample}'
    recent = f"(SELECT * FROM {_quoted(held.table)} {order})"  # noqa: S608 - names that a pattern allows
    return f"{_columns(settings)} FROM {recent} AS c {_join(settings)}"


def named(settings: ParitySettings, mark: str, count: int) -> str:
    """Return the same for ``count`` documents, whose ids are put in where the driver finds its ``mark``."""
    return f'{every(settings)} WHERE c."{settings.checkpoints.document_id}" IN ({", ".join([mark] * count)})'


def khala_only(settings: ParitySettings) -> str:
    """Return the statement that counts the read models without a checkpoint, which no auditor looks at."""
    held, read = settings.checkpoints, settings.read_models
    return (
        f"SELECT count(*) FROM {_quoted(read.table)} AS r WHERE NOT EXISTS"  # noqa: S608 - names that a pattern allows
        f' (SELECT 1 FROM {_quoted(held.table)} AS c WHERE c."{held.document_id}" = r."{read.doc_key}")'
    )


def _columns(settings: ParitySettings) -> str:
    held, read = settings.checkpoints, settings.read_models
    names = [f'c."{name}"' for name in (held.document_id, held.projection_name, held.seq, held.summary_hash)]
    return f'SELECT {", ".join(names)}, r."{read.doc_version}", r."{read.payload}"'


def _join(settings: ParitySettings) -> str:
    held, read = settings.checkpoints, settings.read_models
    return f'LEFT JOIN {_quoted(read.table)} AS r ON r."{read.doc_key}" = c."{held.document_id}"'


def _quoted(table: str) -> str:
    return ".".join(f'"{part}"' for part in table.split("."))
