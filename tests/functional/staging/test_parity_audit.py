"""The drill's own audit on real databases, beside the staging's auditor, which is written independently of it."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import create_engine, delete, insert, text, update

from drills.canonical import encode, summary_hash
from drills.clock import SYSTEM_CLOCK
from drills.errors import ProfileInvalid, TargetUnreachable
from drills.staging.documents import PROJECTIONS, Document, Entity
from drills.staging.lane_state import read_checkpoints, read_read_models
from drills.staging.parity import compare
from drills.staging.sinks import ConvexSink, KhalaSink
from drills.staging.store import Store, checkpoints, read_models
from drills.target.fields import SecretReference
from drills.target.parity.audit import ParityAudit, open_database
from drills.target.parity.erlang import TermEncoder
from drills.target.parity.settings import CheckpointTable, HashScheme, ParitySettings, ReadModelTable

DATABASE = SecretReference(env="UNUSED")
SUMMARY = {"title": "Ünïcode ✓", "ratio": 1.0, "tags": [], "latest_seq": 7, "projected_at": "12:00", "ok": True}


def document(entity: Entity, name: str, seq: int, **fields: object) -> Document:
    """Return a summary as the projector makes them."""
    projection = PROJECTIONS[entity]
    summary = {"projected_at": f"12:00:{seq}", "seq": seq, projection.id_key: name, **fields}
    return Document.of(projection, name, seq, summary)


@pytest.fixture
def store(database_url: str) -> Any:
    """Both lanes of one environment, with documents that disagree in every way there is."""
    store = Store(database_url)
    store.create()
    khala = KhalaSink(store, SYSTEM_CLOCK, 10_000)
    khala.open_topics()
    documents = [document(Entity.RUN, f"r{number}", number + 1, note="x" * number) for number in range(8)]
    documents += [document(Entity.CODEX_WORKER, f"w{number}", 5, labels={"a": [1.5, None]}) for number in range(8)]
    ConvexSink(store, SYSTEM_CLOCK).write(documents)
    khala.write(documents)
    spoil(store)
    yield store
    store.close()


def spoil(store: Store) -> None:
    """Make documents disagree: two missing, one each behind, ahead, altered, both, and of an unknown projection."""
    altered = encode({"status": "corrupted"})
    with store.writing() as connection:
        named = read_models.c.doc_key
        connection.execute(delete(read_models).where(named.in_(["runtime/run_summary:r1", "runtime/run_summary:r2"])))
        for name, change in (
            ("run_summary:r3", {"doc_version": 1}),
            ("run_summary:r4", {"doc_version": 99}),
            ("run_summary:r5", {"payload": altered}),
            ("codex_worker_summary:w1", {"payload": altered, "doc_version": 2}),
        ):
            connection.execute(update(read_models).where(named == f"runtime/{name}").values(change))
        odd = checkpoints.c.entity_id == "w2"
        moment = SYSTEM_CLOCK.now() + timedelta(seconds=1)
        connection.execute(update(checkpoints).where(odd).values(projection_name="unheard_of", updated_at=moment))
        connection.execute(delete(checkpoints).where(checkpoints.c.entity_id == "w3"))


def own(database_url: str, **settings: Any) -> ParityAudit:
    """Return the drill's audit of the database."""
    return ParityAudit(open_database(database_url, 20), ParitySettings(database=DATABASE, **settings))


@pytest.mark.parametrize("sample", [None, 1, 4], ids=["every document", "the newest", "the newest four"])
def test_the_audit_and_the_auditor_agree(store: Store, database_url: str, sample: int | None) -> None:
    """Written independently, both find the same documents in the same number of ways."""
    audit = own(database_url).every() if sample is None else own(database_url, auditor_sample=sample).newest()
    with store.reading() as connection:
        sampled = read_checkpoints(connection, sample)
        auditor = compare(sampled, read_read_models(connection))
    if sample == 4:  # the rest were updated in one moment, so that the two may take others of them
        assert audit.compared == len(auditor) == 4
        return

    assert audit.counts == Counter(seen.reason.value for seen in auditor)
    assert audit.disagreeing == {seen.checkpoint.document_id: seen.reason.value for seen in auditor if not seen.matches}
    assert audit.compared == (sample or 15)


def test_a_second_look_finds_what_has_settled(store: Store, database_url: str) -> None:
    """Documents that agree by now are counted as such; the others stay what they are."""
    audit = own(database_url)
    first = audit.every()
    with store.writing() as connection:
        connection.execute(
            update(read_models).where(read_models.c.doc_key == "runtime/run_summary:r3").values(doc_version=4)
        )
    second = audit.again(first)

    assert (first.mismatches, second.mismatches) == (7, 6)
    assert second.compared == 15
    assert audit.again(second) == second


def test_documents_that_only_khala_has_are_counted(store: Store, database_url: str) -> None:
    """No auditor looks at a read model without a checkpoint; the drill says how many there are."""
    with store.reading():
        assert own(database_url).khala_only() == 1


@pytest.mark.usefixtures("store")
def test_nothing_can_be_written(database_url: str) -> None:
    """Whatever the account may do, the drill's connection refuses to change anything."""
    change = (
        "SELECT 1 FROM sync_topics FOR UPDATE"
        if database_url.startswith("postgresql")
        else "DELETE FROM sync_read_models"
    )
    with pytest.raises(TargetUnreachable, match=r"read-?only"):
        list(open_database(database_url, 20).rows(change))

    assert own(database_url).every().compared == 15


@pytest.mark.usefixtures("store")
def test_a_statement_that_takes_too_long_is_ended(database_url: str) -> None:
    """A database that is slow today does not hold the drill up."""
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TargetUnreachable, match=r"interrupted|timeout"):
        list(open_database(database_url, 0.2).rows(endless))


def test_memory_does_not_grow_with_the_number_of_documents(database_url: str) -> None:
    """20 MB of documents pass through in less than 6 MB."""
    store = Store(database_url)
    store.create()
    some = [document(Entity.RUN, f"r{number}", 1, note="x" * 2000) for number in range(10_000)]
    now = SYSTEM_CLOCK.now()
    with store.writing() as connection:
        for table, rows in (
            (checkpoints, [_checkpoint(one, now) for one in some]),
            (read_models, [_read_model(one, now) for one in some]),
        ):
            connection.execute(insert(table), rows)
    store.close()
    del some, rows
    tracemalloc.start()
    try:
        audit = own(database_url).every()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert audit.counts == {"none": 10_000}
    assert peak < 6_000_000


def _checkpoint(one: Document, now: object) -> dict[str, object]:
    return {
        "document_id": one.document_id,
        "projection_name": one.projection.name,
        "entity_id": one.entity_id,
        "last_runtime_seq": one.seq,
        "projection_version": "v1",
        "summary_hash": one.summary_hash,
        "updated_at": now,
    }


def _read_model(one: Document, now: object) -> dict[str, object]:
    return {
        "doc_key": one.document_id,
        "topic": one.projection.topic,
        "doc_version": one.seq,
        "payload": one.content,
        "payload_hash": one.payload_hash,
        "updated_at": now,
    }


@pytest.mark.parametrize("kind", ["jsonb", "json", "text", "bytea"])
@pytest.mark.parametrize("scheme", list(HashScheme))
def test_tables_of_other_names_and_types_are_data(
    kind: str, scheme: HashScheme, new_postgres: Callable[[], str]
) -> None:
    """A schema that this project did not write is named in the profile; each way to keep JSON gives one verdict."""
    url = new_postgres()
    hashes = {HashScheme.CANONICAL_JSON: summary_hash(SUMMARY)} | {
        name: TermEncoder(utf8_atoms=utf8).summary_hash(SUMMARY)
        for name, utf8 in ((HashScheme.ERLANG_TERM, True), (HashScheme.ERLANG_TERM_OTP25, False))
    }
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA lanes"))
        connection.execute(text("CREATE TABLE lanes.marks (id text, kind text, at_seq int, digest text, t timestamp)"))
        connection.execute(text(f"CREATE TABLE lanes.docs (key text, version int, body {kind})"))
        mark = {"digest": hashes[scheme]}
        connection.execute(text("INSERT INTO lanes.marks VALUES ('a', 'summary', 7, :digest, now())"), mark)
        body: bytes | str = orjson.dumps(SUMMARY) if kind == "bytea" else orjson.dumps(SUMMARY).decode()
        cast = f"INSERT INTO lanes.docs VALUES ('a', 7, CAST(:body AS {kind}))"  # noqa: S608 - one of four words
        connection.execute(text(cast), {"body": body})
    engine.dispose()
    audit = own(
        url,
        hash_scheme=scheme,
        projections=("summary",),
        checkpoints=CheckpointTable(
            table="lanes.marks",
            document_id="id",
            projection_name="kind",
            seq="at_seq",
            summary_hash="digest",
            updated_at="t",
        ),
        read_models=ReadModelTable(table="lanes.docs", doc_key="key", doc_version="version", payload="body"),
    )

    assert audit.every().counts == audit.newest().counts == {"none": 1}


def test_a_database_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The message names what was asked for and shows no password."""
    absent = ParityAudit(open_database(f"sqlite:///{tmp_path}/absent.db", 1), ParitySettings(database=DATABASE))
    with pytest.raises(TargetUnreachable, match=r"absent\.db: unable to open"):
        absent.every()
    away = open_database("postgres://drill:canary-password@127.0.0.1:1/none", 1)
    with pytest.raises(TargetUnreachable, match="parity database: connection failed") as told:
        list(away.rows("SELECT 1"))
    assert "canary-password" not in str(told.value)


def test_an_address_that_no_reader_knows_is_refused() -> None:
    """The message says which kinds there are, and does not repeat the address, which may hold a password."""
    with pytest.raises(ProfileInvalid, match=r"postgresql:// or sqlite:///") as told:
        open_database("mysql://drill:canary-password@db/lanes", 1)
    assert "canary-password" not in str(told.value)
