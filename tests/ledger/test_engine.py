import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from app.core.errors import LedgerError
from app.ledger import engine as engine_module
from app.ledger.admission import admit
from app.ledger.call_store import recent_calls
from app.ledger.engine import Ledger, open_ledger
from app.ledger.feed import ChangeWatch
from app.ledger.group_writer import Desk, GroupWriter, Operation
from app.ledger.meter_state import is_paused, pause_everything
from app.ledger.settlement import settle, write_refused
from app.ledger.tables import totals
from tests.ledger.bookkeeping import end, make_call, make_draft, reserve, set_cap, spend_money, status_of
from tests.ledger.conftest import StartProcess


def test_a_ledger_and_what_lies_beside_it_are_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "ledger.sqlite"
    old_mask = os.umask(0)
    try:
        ledger = open_ledger(file)
        pause_everything(ledger, by="test")
    finally:
        os.umask(old_mask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    ledger.close()
    assert modes == dict.fromkeys(("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"), 0o600)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("folder", ["what?mode=memory", "50% #1", "a b'c", "büro"])
def test_a_ledger_lies_where_it_was_asked_for(tmp_path: Path, folder: str) -> None:
    file = tmp_path / folder / "ledger.sqlite"
    ledger = open_ledger(file)
    pause_everything(ledger, by="test")
    ledger.close()
    assert file.stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def test_what_is_written_is_kept_and_what_fails_is_taken_back(ledger: Ledger) -> None:
    set_cap(ledger, 100)

    def write_and_fail() -> None:
        with ledger.write() as connection:
            connection.execute(totals.update().values(posted_nano_usd=7))
            raise RuntimeError("the block failed")

    with pytest.raises(RuntimeError):
        write_and_fail()
    again = open_ledger(ledger.path)
    with again.read() as connection:
        assert connection.execute(select(totals.c.posted_nano_usd)).scalars().all() == [0]
    again.close()


def test_durable_settings_are_in_force_on_every_connection(ledger: Ledger) -> None:
    with ledger.read() as one, ledger.read() as other:
        for connection in (one, other):
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_two_processes_lose_no_update(ledger: Ledger, start_process: StartProcess) -> None:
    set_cap(ledger, 100)
    writers = [start_process("increment", ledger.path, 500) for _ in range(2)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    with ledger.read() as connection:
        assert connection.execute(select(totals.c.posted_nano_usd)).scalar_one() == 1_000


def test_a_new_ledger_may_be_opened_by_many_at_once(tmp_path: Path, start_process: StartProcess) -> None:
    openers = [start_process("open", tmp_path / "ledger.sqlite") for _ in range(4)]
    assert [opener.communicate(timeout=60)[0] for opener in openers] == ["ready\n"] * 4


def test_a_read_sees_one_picture(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    spent = select(totals.c.held_nano_usd)
    with ledger.read() as connection:
        assert connection.execute(spent).scalar_one() == 0
        assert reserve(ledger, make_draft(10)).is_admitted
        assert connection.execute(spent).scalar_one() == 0
    assert status_of(ledger, cap).held_nano_usd == 10


def test_a_ledger_held_by_another_program_can_be_read_and_is_busy_to_write(
    ledger: Ledger, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 50)
    impatient = open_ledger(ledger.path)
    holder = start_process("lock", ledger.path)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n"
    assert not is_paused(impatient)

    with pytest.raises(LedgerError, match="busy") as refused:
        pause_everything(impatient, by="test")

    check_for_people(refused.value)
    holder.communicate()
    pause_everything(impatient, by="test")
    assert is_paused(impatient)
    impatient.close()


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.write_bytes(b"no database, but somebody's diary " * 500)
    before = file.read_bytes()
    with pytest.raises(LedgerError, match="not a ledger") as refused:
        open_ledger(file)
    check_for_people(refused.value)
    assert file.read_bytes() == before


def test_a_place_where_no_file_can_be_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for file in (tmp_path, tmp_path / "taken" / "ledger.sqlite", tmp_path / ("x" * 300)):
        with pytest.raises(LedgerError, match="cannot be opened") as refused:
            open_ledger(file)
        check_for_people(refused.value)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="no folder is read-only for this user")
def test_a_read_only_folder_is_told_of(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(LedgerError, match="cannot be opened"):
        open_ledger(tmp_path / "ledger.sqlite")


def check_for_people(error: LedgerError) -> None:
    for word in ("sqlite3", "SELECT", "BEGIN", "Errno", "Traceback", "sqlalche.me"):
        assert word not in str(error)
    assert error.message.endswith(".")


class FullDisk:
    """Lets a ledger's file grow no further while `is_full`."""

    def __init__(self, ledger: Ledger) -> None:
        self.is_full = False
        event.listen(ledger.engine, "begin", self._limit)

    def _limit(self, connection: Any) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() if self.is_full else 1_000_000
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")


def test_a_call_that_ends_on_a_full_disk_can_be_settled_later(ledger: Ledger) -> None:
    cap = set_cap(ledger, 10**6)
    disk, writer = FullDisk(ledger), GroupWriter(ledger)
    drafts = [make_draft(100, project="p" * 500, task="t" * 500) for _ in range(60)]
    assert all(reserve(ledger, draft).is_admitted for draft in drafts)

    def settle_all(desk: Desk) -> None:
        for draft in drafts:
            settle(desk.connection, desk.caps, make_call(draft, 60), draft.at)

    disk.is_full = True
    with pytest.raises(LedgerError, match="disk is full"):
        writer.write([lambda desk: None, settle_all, lambda desk: None])
    assert status_of(ledger, cap).held_nano_usd == 6_000, "nothing was committed, the money is still held"

    disk.is_full = False
    assert [done.error for done in writer.write([settle_all])] == [None]
    assert status_of(ledger, cap).spent_nano_usd == 3_600
    assert not end(ledger, drafts[0], 60)
    writer.close()


def test_an_operation_that_fails_takes_no_other_with_it(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    draft = make_draft(10)

    def fail_half_way(desk: Desk) -> None:
        desk.connection.execute(totals.update().values(posted_nano_usd=99))
        raise ValueError("odd input")

    def hold(desk: Desk) -> bool:
        return admit(desk.connection, desk.caps, draft, instance_id="m").is_admitted

    writer = GroupWriter(ledger)
    failed, held = writer.write([fail_half_way, hold])
    writer.close()
    assert isinstance(failed.error, ValueError)
    assert held.result is True
    assert (status_of(ledger, cap).spent_nano_usd, status_of(ledger, cap).held_nano_usd) == (0, 10)


def test_an_operation_that_comes_late_is_committed_with_those_before_it(ledger: Ledger) -> None:
    watch, desks = ChangeWatch(ledger), list[Desk]()

    def write(desk: Desk) -> None:
        desks.append(desk)
        write_refused(desk.connection, make_call(make_draft(1), 0))

    def fail(desk: Desk) -> None:
        raise ValueError("odd input")

    def late() -> list[Operation]:
        assert not watch.changed(), "nothing is committed yet"
        return [write, fail, write]

    with closing(GroupWriter(ledger)) as writer:
        firsts: list[list[Operation]] = [[write], [fail, write]]
        for first in firsts:
            desks.clear()
            done = writer.write(first, late)
            assert [type(one.error) for one in done if one.error] == [ValueError] * len(first)
            assert (len(done), len(desks), len({id(desk) for desk in desks})) == (len(first) + 3, 3, 1)
            assert watch.changed()
    watch.close()
    assert len(recent_calls(ledger, 10)) == 6


def test_one_that_does_not_fail_is_written_however_many_before_it_do(ledger: Ledger) -> None:
    def fail(desk: Desk) -> None:
        raise ValueError("odd input")

    with closing(GroupWriter(ledger)) as writer:
        done = writer.write([fail] * 2_000 + [lambda desk: write_refused(desk.connection, make_call(make_draft(1), 0))])
    assert ({type(one.error) for one in done[:-1]}, done[-1].error) == ({ValueError}, None)
    assert len(recent_calls(ledger, 10)) == 1


def test_a_damaged_ledger_is_told_of_and_never_replaced(ledger: Ledger) -> None:
    for _ in range(100):
        spend_money(ledger, 1, task="t" * 1_000)
    ledger.close()
    pages = ledger.path.read_bytes()
    damaged = pages[:8192] + bytes(255 for _ in pages[8192:])
    ledger.path.write_bytes(damaged)

    with pytest.raises(LedgerError, match="damaged") as refused:
        open_ledger(ledger.path)

    check_for_people(refused.value)
    assert ledger.path.read_bytes() == damaged


def test_a_ledger_that_has_become_read_only_is_told_of(ledger: Ledger) -> None:
    event.listen(ledger.engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON"))
    with pytest.raises(LedgerError, match="cannot be written") as refused:
        pause_everything(ledger, by="test")
    check_for_people(refused.value)
    assert not is_paused(ledger)


def test_a_failing_disk_is_told_of_and_a_bug_of_ours_is_not_dressed_up(ledger: Ledger) -> None:
    def fail(saying: str) -> None:
        with ledger.write():
            raise OperationalError("COMMIT", None, sqlite3.OperationalError(saying))

    with pytest.raises(LedgerError, match="disk does not answer") as refused:
        fail("disk I/O error")
    check_for_people(refused.value)
    with pytest.raises(OperationalError):
        fail('near "SELEKT": syntax error')
