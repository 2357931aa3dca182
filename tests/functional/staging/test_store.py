from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from drills import canonical
from drills.clock import FrozenClock
from drills.staging.authority import Authority, UnknownEntityError
from drills.staging.documents import PROJECTIONS, TOPICS, Document, Entity, EntityState
from drills.staging.lane_state import read_checkpoints, read_read_models
from drills.staging.sinks import ConvexSink, KhalaSink, Outcome
from drills.staging.store import Store, checkpoints, read_models, stream
from drills.staging.stream import read_bounds

PROJECTION = PROJECTIONS[Entity.CODEX_WORKER]
TOPIC = PROJECTION.topic
INLINE_BYTES = 1000


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 2, 20, 9, 30, tzinfo=UTC))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, on each kind of database in turn."""
    store = Store(database_url)
    store.create()
    yield store
    store.close()


@pytest.fixture
def khala(store: Store, clock: FrozenClock) -> KhalaSink:
    sink = KhalaSink(store, clock, INLINE_BYTES)
    sink.open_topics()
    return sink


@pytest.fixture
def convex(store: Store, clock: FrozenClock) -> ConvexSink:
    return ConvexSink(store, clock)


@pytest.fixture(params=["convex", "khala"])
def sink(request: pytest.FixtureRequest, convex: ConvexSink, khala: KhalaSink) -> ConvexSink | KhalaSink:
    """The sink of each lane in turn."""
    return convex if request.param == "convex" else khala


@pytest.fixture
def authority(store: Store, clock: FrozenClock) -> Authority:
    return Authority(store, clock)


def document(seq: int, worker_id: str = "w1", **fields: object) -> Document:
    """Return a worker's document."""
    payload = {"worker_id": worker_id, "status": "running", "latest_seq": seq, "projected_at": "then", **fields}
    return Document.of(PROJECTION, worker_id, seq, payload)


def watermarks(store: Store) -> list[int]:
    """Return the watermarks of the topic as they are journalled."""
    with store.reading() as connection:
        query = select(stream.c.watermark).where(stream.c.topic == TOPIC).order_by(stream.c.watermark)
        return list(connection.execute(query).scalars())


def test_events_are_numbered_by_entity(authority: Authority) -> None:
    """Each entity's events count up from 1 on their own."""
    authority.register(Entity.CODEX_WORKER, "a", {"status": "idle"})
    authority.register(Entity.RUN, "a", {"status": "queued"})
    event = authority.append(Entity.CODEX_WORKER, "a", "worker.moved", {"status": "running"})

    assert event.seq == 2
    assert [(head.entity_id, head.seq, head.status) for head in authority.heads()] == [
        ("a", 2, "running"),
        ("a", 1, "queued"),
    ]


def test_an_entity_is_registered_once(authority: Authority) -> None:
    """Registering again changes nothing; an entity that never was cannot have events."""
    authority.register(Entity.RUN, "a", {"status": "queued"})

    assert authority.register(Entity.RUN, "a", {"status": "other"}) is None
    assert authority.heads()[0].status == "queued"
    with pytest.raises(UnknownEntityError):
        authority.append(Entity.RUN, "b", "run.moved", {})


def test_a_state_is_caught_up_from_the_log(authority: Authority) -> None:
    """Folding in two steps gives what folding at once gives."""
    authority.register(Entity.RUN, "a", {"status": "queued", "title": "first"})
    half = authority.catch_up(EntityState(Entity.RUN, "a"))
    authority.append(Entity.RUN, "a", "run.moved", {"status": "running"})

    assert (half.seq, half.fields["status"]) == (1, "queued")
    assert authority.catch_up(half) == authority.catch_up(EntityState(Entity.RUN, "a"))
    assert authority.catch_up(half).fields.items() >= {"status": "running", "title": "first"}.items()


def test_writers_at_once_number_events_without_a_gap(authority: Authority) -> None:
    """Eight threads that append to one entity get every seq exactly once."""
    authority.register(Entity.RUN, "a", {"status": "queued"})
    with ThreadPoolExecutor(8) as pool:
        events = list(pool.map(lambda _: authority.append(Entity.RUN, "a", "run.moved", {}), range(40)))

    assert sorted(event.seq for event in events) == list(range(2, 42))


def test_a_sink_takes_a_document_twice_and_writes_it_once(sink: ConvexSink | KhalaSink) -> None:
    """The same summary again, projected at another time, is unchanged; an older one is stale and not written."""
    later = document(2, projected_at="later")
    outcomes = [written.outcome for written in sink.write([document(2), later, document(1), document(3)])]

    assert outcomes == [Outcome.WRITTEN, Outcome.UNCHANGED, Outcome.STALE, Outcome.WRITTEN]


def test_other_content_under_the_same_seq_is_written_as_drift(sink: ConvexSink | KhalaSink) -> None:
    """A repaired document replaces a corrupted one of the same version, and is told apart from progress."""
    (first,) = sink.write([document(2, status="corrupted")])
    (repaired,) = sink.write([document(2)])

    assert (first.drifted, first.behind) == (False, 2)
    assert (repaired.outcome, repaired.drifted, repaired.behind) == (Outcome.WRITTEN, True, 0)


def test_a_checkpoint_of_an_older_projection_is_written_again(store: Store, convex: ConvexSink) -> None:
    """A checkpoint is idempotent on seq, version and hash: another version of the projection counts as a change."""
    convex.write([document(2)])
    with store.writing() as connection:
        connection.execute(checkpoints.update().values(projection_version="older"))

    assert convex.write([document(2)])[0].outcome is Outcome.WRITTEN


def test_both_lanes_hold_the_same_hash(store: Store, convex: ConvexSink, khala: KhalaSink) -> None:
    """The checkpoint's hash is that of the read model's summary without projected_at."""
    convex.write([document(2)])
    khala.write([document(2, projected_at="elsewhere")])
    with store.reading() as connection:
        (checkpoint,) = read_checkpoints(connection)
        model = read_read_models(connection)[checkpoint.document_id]
    expected = canonical.digest({"worker_id": "w1", "status": "running", "latest_seq": 2})

    assert (checkpoint.seq, checkpoint.summary_hash) == (2, expected)
    assert (model.doc_version, model.summary_hash) == (2, expected)


def test_the_stream_row_carries_the_document(khala: KhalaSink, clock: FrozenClock) -> None:
    """What was written comes back with its watermark, payload, hash and time."""
    row = khala.write([document(5)])[0].row

    assert row is not None
    assert (row.topic, row.watermark, row.doc_key, row.doc_version) == (TOPIC, 1, "runtime/codex_worker_summary:w1", 5)
    assert orjson.loads(row.payload or b"") == document(5).payload
    assert row.payload_hash == canonical.digest(document(5).payload)
    assert row.inserted_at == clock.now()


def test_a_large_payload_is_journalled_as_a_pointer(store: Store, khala: KhalaSink) -> None:
    """Above the limit the stream holds no payload; the read model holds all of it."""
    large = document(1, title="x" * INLINE_BYTES)
    row = khala.write([large])[0].row
    with store.reading() as connection:
        held = connection.execute(select(read_models.c.payload)).scalar_one()

    assert row is not None
    assert (row.payload, row.payload_hash) == (None, large.payload_hash)
    assert held == large.content


def test_watermarks_have_no_gap_whoever_writes(
    database_url: str, store: Store, khala: KhalaSink, clock: FrozenClock
) -> None:
    """Eight writers at once, some of one document: every watermark is given exactly once, and no version goes back."""
    # A second store shares nothing with the first but the database, as another process would.
    elsewhere = Store(database_url)
    other = KhalaSink(elsewhere, clock, INLINE_BYTES)
    work = [(khala if number % 2 else other, document(1 + number // 10, f"w{number % 10}")) for number in range(80)]
    with ThreadPoolExecutor(8) as pool:
        written = [done for (done,) in pool.map(lambda one: one[0].write([one[1]]), work)]
    elsewhere.close()
    rows = [one.row for one in written if one.row]

    assert sorted(row.watermark for row in rows) == list(range(1, len(rows) + 1))
    assert watermarks(store) == list(range(1, len(rows) + 1))
    with store.reading() as connection:
        assert {model.doc_version for model in read_read_models(connection).values()} == {8}


def test_a_write_that_fails_takes_no_watermark(store: Store, khala: KhalaSink) -> None:
    """Read model, stream row and watermark are one transaction: what fails leaves none of them."""
    broken = replace(document(2, "w2"), content=None)  # type: ignore[arg-type]
    khala.write([document(1)])
    with pytest.raises((IntegrityError, TypeError)):
        khala.write([document(1, "w3"), broken])
    khala.write([document(2)])

    assert watermarks(store) == [1, 2]
    with store.reading() as connection:
        assert list(read_read_models(connection)) == ["runtime/codex_worker_summary:w1"]


def test_a_watermark_is_unique_in_its_topic(store: Store, khala: KhalaSink) -> None:
    """The database itself refuses a second row under the same topic and watermark."""
    khala.write([document(1)])
    with store.reading() as connection:
        row = dict(connection.execute(select(stream)).mappings().one())
    with pytest.raises(IntegrityError), store.writing() as connection:
        connection.execute(insert(stream).values(row))


def test_bounds_tell_what_a_topic_retains(store: Store, khala: KhalaSink) -> None:
    """Floor and head follow what was written and pruned; an empty topic can be resumed from its head."""
    khala.write([document(seq) for seq in (1, 2, 3)])
    full = read_bounds(store, TOPICS)
    with store.writing() as connection:
        connection.execute(stream.delete().where(stream.c.watermark < 3))
    pruned = read_bounds(store, [TOPIC])[TOPIC]
    with store.writing() as connection:
        connection.execute(stream.delete())
    empty = read_bounds(store, [TOPIC])[TOPIC]

    assert (full[TOPIC].floor, full[TOPIC].head) == (0, 3)
    assert {full[topic].head for topic in TOPICS if topic != TOPIC} == {0}
    assert (pruned.oldest, pruned.floor, pruned.head) == (3, 2, 3)
    assert (empty.oldest, empty.floor, empty.head) == (4, 3, 3)


def test_a_reader_sees_one_moment(store: Store, khala: KhalaSink) -> None:
    """What is committed while a reader reads does not change what it sees."""
    khala.write([document(1)])
    with store.reading() as connection:
        before = read_read_models(connection)
        khala.write([document(2), document(1, "w2")])
        during = read_read_models(connection)

    assert during == before
