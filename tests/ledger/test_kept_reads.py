"""A writer keeps what it read of the rules, and never for longer than they stand."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, update
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.call_input import CallInput, MissCause, ToolDefinition
from app.core.errors import KeyRejected
from app.core.loops import Finding, LoopKind, LoopLevel
from app.core.reservations import Draft, Obstacle, Verdict
from app.core.tags import Tags
from app.core.windows import Window
from app.ledger.admission import admit
from app.ledger.approval_store import approve_session, ask, granted_windows
from app.ledger.call_input_store import write_call_input
from app.ledger.cap_store import list_caps, read_caps, remove_cap
from app.ledger.engine import Changes, Ledger, Pen
from app.ledger.kept_reads import RULE_TABLES, KeptReads, kept
from app.ledger.key_store import VirtualKey, add_key, holder_of, replace_token, revoke_key
from app.ledger.loop_store import list_loops, note_loop
from app.ledger.meter_state import PAUSED, pause_everything, paused, resume
from app.ledger.raise_store import raise_by
from app.ledger.session_store import note_cut, pause_session, stop_session, was_cut
from app.ledger.statement import Statement, insertion, savepoint
from app.ledger.survey import worth_a_look
from app.ledger.tables import caps, switches
from app.ledger.waiting_line import join_line
from tests.ledger.bookkeeping import make_call, make_draft, set_cap

TAGS = Tags(session="s", virtual_key_id="k")
NOTHING, CALLS_ALONE, RULES = Changes(False, False), Changes(True, False), Changes(True, True)
UNREADABLE = Changes(False, True)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def pen(ledger: Ledger) -> Iterator[Pen]:
    with closing(ledger.pen()) as made:
        yield made


def asked_of(pen: Pen, draft: Draft) -> Verdict:
    """What the writer says to a call."""
    with pen.write() as connection:
        return admit(connection, read_caps(connection), draft, instance_id="meter")


def a_draft(worst: int = 10, tags: Tags = TAGS, **values: Any) -> Draft:
    return make_draft(worst, tags=tags, **values)


def a_key(ledger: Ledger, name: str = "key") -> VirtualKey:
    return add_key(ledger, name=name, prefix="b", fingerprint=name, tags=Tags(), expires_at=None)


def note_a_loop(connection: Connection) -> None:
    finding = Finding(LoopKind.PACE, LoopLevel.BLOCK, 9, "m", ("Bash",), 0)
    note_loop(connection, finding, TAGS, "", "call", now())


def in_transaction(change: Callable[[Connection], object]) -> Callable[[Ledger], None]:
    def do(ledger: Ledger) -> None:
        with ledger.write() as connection:
            change(connection)

    return do


def put_somebody_in_line(connection: Connection) -> None:
    (cap,) = read_caps(connection)
    first = a_draft(tags=Tags(session="other"))
    join_line(
        connection, first, "meter", [(cap.cap_id, cap.span(now(), first.payer).key)], now() + timedelta(minutes=1)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda ledger: set_cap(ledger, 5, window=Window.DAY),
        lambda ledger: pause_everything(ledger, by="me"),
        lambda ledger: pause_session(ledger, "s", by="me"),
        lambda ledger: stop_session(ledger, "s", by="me"),
        in_transaction(note_a_loop),
        in_transaction(put_somebody_in_line),
    ],
    ids=["cap", "pause", "paused session", "stopped session", "loop", "line"],
)
def test_what_others_change_holds_for_the_very_next_call(
    ledger: Ledger, pen: Pen, change: Callable[[Ledger], object]
) -> None:
    set_cap(ledger, 1_000)
    assert asked_of(pen, a_draft()).is_admitted
    assert asked_of(pen, a_draft()).is_admitted
    change(ledger)
    assert not asked_of(pen, a_draft()).is_admitted


def test_what_others_take_back_stands_in_nobodys_way(ledger: Ledger, pen: Pen) -> None:
    cap = set_cap(ledger, 5)
    pause_everything(ledger, by="me")
    assert asked_of(pen, a_draft()).is_paused
    resume(ledger, by="me")
    assert asked_of(pen, a_draft()).obstacles
    remove_cap(ledger, cap.cap_id)
    assert asked_of(pen, a_draft()).is_admitted


def test_a_key_that_ends_or_gets_another_token_is_refused_at_once(ledger: Ledger, pen: Pen) -> None:
    key = a_key(ledger)
    with pen.write() as connection:
        assert holder_of(connection, "key", now()).tags.virtual_key_id == key.key_id
    replace_token(ledger, key.key_id, prefix="b", fingerprint="new", grace=timedelta(minutes=1))
    with pen.write() as connection:
        holder_of(connection, "new", now())
        with pytest.raises(KeyRejected, match="new token"):
            holder_of(connection, "key", now() + timedelta(minutes=2))  # what is kept is held against each instant anew
    revoke_key(ledger, key.key_id)
    with pen.write() as connection, pytest.raises(KeyRejected, match="revoked"):
        holder_of(connection, "new", now())
    with pytest.raises(KeyRejected, match="revoked"):
        asked_of(pen, a_draft(tags=Tags(virtual_key_id=key.key_id)))


def test_leave_for_a_session_is_seen(ledger: Ledger, pen: Pen) -> None:
    set_cap(ledger, 5)
    draft = a_draft()
    (obstacle,) = asked_of(pen, draft).obstacles
    with pen.write() as connection:
        question = ask(connection, draft, obstacle, "meter", now() + timedelta(minutes=10))
    approve_session(ledger, question, by="me")
    assert asked_of(pen, draft).is_admitted


def test_a_raise_ends_at_its_instant_although_nothing_was_written_since(ledger: Ledger, pen: Pen) -> None:
    cap = set_cap(ledger, 15)
    assert asked_of(pen, a_draft()).is_admitted
    raise_by(ledger, cap.cap_id, cap.span(now(), a_draft().payer).key, 10, until=now() + timedelta(hours=1))
    assert asked_of(pen, a_draft()).is_admitted
    assert asked_of(pen, a_draft(at=now() + timedelta(hours=2))).obstacles


def test_a_cut_is_forgotten_after_its_time(ledger: Ledger, pen: Pen) -> None:
    with ledger.write() as connection:
        note_cut(connection, TAGS, now())
    with pen.write() as connection:
        assert was_cut(connection, TAGS, now())
        assert not was_cut(connection, TAGS, now() + timedelta(minutes=11))


def test_what_the_writer_changes_itself_is_seen_at_once(pen: Pen) -> None:
    with pen.write() as connection:
        assert not was_cut(connection, TAGS, now())
        note_cut(connection, TAGS, now())
        assert was_cut(connection, TAGS, now())
    assert not asked_of(pen, a_draft(tags=Tags(session="other"))).obstacles
    with pen.write() as connection:
        note_a_loop(connection)
    assert asked_of(pen, a_draft()).obstacles


def test_what_a_statement_of_every_call_writes_is_seen_too(pen: Pen) -> None:
    write = Statement(upsert(switches).on_conflict_do_nothing(), insertion(switches))
    row = {"name": PAUSED, "is_on": True, "changed_at": now(), "changed_by": "me", "cuts_streams": False}
    with pen.write() as connection:
        assert not paused(connection)
        write.run(connection, row)
        assert paused(connection)


def test_nothing_is_kept_of_what_was_taken_back(ledger: Ledger, pen: Pen) -> None:
    cap = set_cap(ledger, 5)
    assert asked_of(pen, a_draft()).obstacles

    def change_and_fail() -> None:
        with pen.write() as connection:
            connection.execute(update(caps).values(limit_nano_usd=100))
            assert [one.limit_nano_usd for one in read_caps(connection)] == [100]
            raise RuntimeError("the block failed")

    with pytest.raises(RuntimeError):
        change_and_fail()
    with pen.write() as connection:
        assert read_caps(connection) == [cap]


def test_nothing_is_kept_of_a_part_that_was_taken_back(pen: Pen) -> None:
    def cut_and_fail(connection: Connection) -> None:
        with savepoint(connection):
            note_cut(connection, TAGS, now())
            assert was_cut(connection, TAGS, now())
            raise RuntimeError("the block failed")

    with pen.write() as connection:
        with pytest.raises(RuntimeError):
            cut_and_fail(connection)
        assert not was_cut(connection, TAGS, now())
    with pen.write() as connection:
        assert not was_cut(connection, TAGS, now())


def test_who_has_a_list_of_caps_may_do_with_it_as_he_likes(ledger: Ledger, pen: Pen) -> None:
    cap = set_cap(ledger, 5)
    for _ in range(2):
        with pen.write() as connection:
            found = read_caps(connection)
            assert found == [cap]
            found.clear()
    assert list_caps(ledger) == [cap]


class _Driver:
    """What tables a driver's connection is asked for, told as each statement is prepared."""

    def __init__(self, pen: Pen) -> None:
        self.tables: set[str] = set()
        with pen.write() as connection:
            driver: Any = connection.connection.dbapi_connection
        driver.set_authorizer(self._see)
        self.forget_prepared = driver

    def _see(self, action: int, table: str | None, *_more: object) -> int:
        if action == sqlite3.SQLITE_READ and table and not table.startswith(("json_", "sqlite_")):
            self.tables.add(table)
        return sqlite3.SQLITE_OK


def test_all_that_is_kept_is_read_from_the_tables_that_are_watched(
    ledger: Ledger, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked of SQLite itself, statement by statement."""
    set_cap(ledger, 1_000)
    key = a_key(ledger)
    driver, names = _Driver(pen), set[object]()
    usual = KeptReads.get

    def get(self: KeptReads, name: Any, read: Callable[[], Any]) -> Any:
        driver.tables.clear()
        found = usual(self, name, read)
        assert driver.tables <= RULE_TABLES, name
        names.add(name if isinstance(name, str) else name[0])
        return found

    monkeypatch.setattr(KeptReads, "get", get)
    with pen.write() as connection:
        holder_of(connection, "key", now())
        tags = Tags(session="s", virtual_key_id=key.key_id)
        assert admit(connection, read_caps(connection), a_draft(tags=tags), instance_id="meter").is_admitted
        granted_windows(connection, tags)
        told = CallInput("call", 1, 0, 0, 0, 0, MissCause.FIRST, tools=(ToolDefinition("t", 1),))
        write_call_input(connection, make_call(a_draft(), 0), told)
    assert names == {
        "caps",
        "cut",
        "grants",
        "key",
        "line",
        "loops",
        "next end of a raise",
        PAUSED,
        "stop",
        "token",
        "tools",
    }


def test_a_call_like_the_last_one_asks_for_no_rule_again(ledger: Ledger, pen: Pen) -> None:
    set_cap(ledger, 1_000)
    asked_of(pen, a_draft())
    seen: list[str] = []
    with pen.write() as connection:
        driver: Any = connection.connection.dbapi_connection
    driver.set_trace_callback(seen.append)
    assert asked_of(pen, a_draft()).is_admitted
    assert not [text for text in seen for table in RULE_TABLES if f" {table} " in text.replace("\n", " ")]


def test_little_is_kept(pen: Pen) -> None:
    for number in range(3_000):
        with pen.write() as connection:
            kept(connection, number, lambda: True)
            keeper = next(one for one in connection.info.values() if isinstance(one, KeptReads))
    assert len(keeper._found) <= 1_001


def test_whoever_is_no_writer_keeps_nothing(ledger: Ledger) -> None:
    with ledger.write() as connection:
        assert kept(connection, "it", lambda: 1) == 1
        assert kept(connection, "it", lambda: 2) == 2


def test_standing_loops_are_told_apart(ledger: Ledger, pen: Pen) -> None:
    with pen.write() as connection:
        note_a_loop(connection)
    found: tuple[Obstacle, ...] = asked_of(pen, a_draft()).obstacles
    assert [one.window_key for one in found] == [one.loop_id for one in list_loops(ledger, now() - timedelta(days=1))]
    assert asked_of(pen, a_draft(tags=Tags(session="t", virtual_key_id="k"))).is_admitted


def test_a_pen_tells_once_of_a_change_and_whether_it_may_be_one_of_rules(ledger: Ledger, pen: Pen) -> None:
    set_cap(ledger, 1_000)
    with pen.write() as connection:
        read_caps(connection)
    assert pen.changes() == RULES, "what was before it came was told to nobody"
    assert asked_of(pen, a_draft()).is_admitted
    pen.changes()  # the cap's window was opened
    assert asked_of(pen, a_draft()).is_admitted
    assert [pen.changes(), pen.changes()] == [CALLS_ALONE, NOTHING]
    pause_everything(ledger, by="me")
    assert [pen.changes(), pen.changes()] == [RULES, NOTHING]
    resume(ledger, by="me")
    assert asked_of(pen, a_draft()).is_admitted
    assert pen.changes() == RULES, "a transaction has seen what others wrote"
    with pen.write() as connection:
        note_a_loop(connection)
    assert pen.changes() == RULES
    ledger.path.rename(ledger.path.with_suffix(".away"))
    assert [pen.changes(), pen.changes()] == [UNREADABLE, UNREADABLE]


def test_a_look_on_behalf_of_calls_that_wait_is_no_change(pen: Pen) -> None:
    pen.changes()
    with pen.write() as connection:
        worth_a_look(connection, "meter", [], now())
    assert pen.changes() == NOTHING


def test_what_was_taken_back_is_no_change(pen: Pen) -> None:
    def fail(connection: Connection) -> None:
        note_a_loop(connection)
        raise ValueError("no")

    pen.changes()
    with pytest.raises(ValueError, match="no"), pen.write() as connection:
        fail(connection)
    assert pen.changes() == NOTHING


def test_of_a_ledger_that_cannot_be_asked_nothing_is_told_but_later(
    ledger: Ledger, pen: Pen, monkeypatch: pytest.MonkeyPatch
) -> None:
    pen.changes()
    assert asked_of(pen, a_draft()).is_admitted
    pen.changes()
    assert asked_of(pen, a_draft()).is_admitted

    def fail(_kept: KeptReads, _driver: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("locking protocol")

    away = ledger.path.with_suffix(".away")
    ledger.path.rename(away)
    assert [pen.changes(), pen.changes()] == [UNREADABLE, UNREADABLE]
    away.rename(ledger.path)
    with monkeypatch.context() as failing:
        failing.setattr(KeptReads, "look", fail)
        assert [pen.changes(), pen.changes()] == [UNREADABLE, UNREADABLE]
    assert [pen.changes(), pen.changes()] == [CALLS_ALONE, NOTHING]
