import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import LedgerDamaged, LedgerError
from app.ledger import backups, migrations, places
from app.ledger.backups import back_up, back_up_if_due, list_backups, newest_sound
from app.ledger.engine import Ledger, open_ledger
from app.ledger.feed import ChangeWatch
from app.ledger.file_lock import one_at_a_time
from app.ledger.soundness import Soundness, full_check, quick_check
from app.ledger.verification import verify_ledger
from tests.faults.cells import cell
from tests.ledger.bookkeeping import set_cap, spend_money, status_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_backup_is_whole_private_and_needs_nothing_beside_it(ledger: Ledger) -> None:
    cap = set_cap(ledger, 10**9)
    spend_money(ledger, 7)
    old_mask = os.umask(0)
    try:
        made = back_up(ledger.path, NOW)
    finally:
        os.umask(old_mask)
    folder = made.file.parent
    assert [path.name for path in folder.iterdir()] == ["ledger-20261122T120000Z.sqlite"]
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(made.file.stat().st_mode)) == (0o700, 0o600)
    assert full_check(made.file) is Soundness.SOUND
    copy = open_ledger(made.file)
    assert status_of(copy, cap).spent_nano_usd == 7
    copy.close()


def test_one_a_day_is_made_and_the_newest_few_are_kept(ledger: Ledger) -> None:
    for hour in range(24 * 10):
        back_up_if_due(ledger.path, NOW + timedelta(hours=hour), kept=7)
    assert [one.made_at for one in list_backups(ledger.path)] == [NOW + DAY * day for day in range(9, 2, -1)]
    assert back_up_if_due(ledger.path, NOW) is not None, "a backup of the future is no reason to make none"


@cell("F11", "others write", "backup", "one picture")
def test_a_copy_is_one_picture_although_others_write_meanwhile(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backups, "PAGES_AT_ONCE", 1)
    cap = set_cap(ledger, 10**12)
    for _ in range(50):
        spend_money(ledger, 1, task="t" * 500)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            spend_money(ledger, 1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        before = status_of(ledger, cap).spent_nano_usd
        made = back_up(ledger.path, NOW)
        after = status_of(ledger, cap).spent_nano_usd
    finally:
        stop.set()
        writer.join()
    assert after > before, "somebody wrote meanwhile"
    copy = open_ledger(made.file)
    assert before <= status_of(copy, cap).spent_nano_usd <= after
    assert verify_ledger(copy).differences == ()
    copy.close()


@cell("F11", "two at once", "backup", "one of them makes it")
def test_only_one_at_a_time_makes_a_backup(ledger: Ledger) -> None:
    with one_at_a_time(places.upkeep_lock(ledger.path), 0) as is_ours:
        assert is_ours
        assert back_up_if_due(ledger.path, NOW) is None
        with pytest.raises(LedgerError, match="looked after"):
            back_up(ledger.path, NOW)
    assert back_up_if_due(ledger.path, NOW) is not None


def test_what_is_broken_off_leaves_nothing_behind(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="broken off"):
        back_up_if_due(ledger.path, NOW, is_wanted=lambda: False)
    assert list(places.backups_folder(ledger.path).iterdir()) == []


@cell("F11", "killed", "backup", "no half a backup under a backup's name")
def test_remains_of_a_process_that_died_are_cleared(ledger: Ledger) -> None:
    folder = places.backups_folder(ledger.path)
    folder.mkdir(mode=0o700)
    (folder / ".ledger-20261121T120000Z.sqlite.partial").write_bytes(b"half")
    back_up(ledger.path, NOW)
    assert len(list(folder.iterdir())) == 1


@cell("F11", "ledger damaged", "backup", "no backup of it, and none is dropped for it")
def test_a_damaged_ledger_takes_the_place_of_no_backup(ledger: Ledger) -> None:
    for _ in range(100):
        spend_money(ledger, 1, task="t" * 500)
    made = back_up(ledger.path, NOW)
    ledger.close()
    content = ledger.path.read_bytes()
    ledger.path.write_bytes(content[: 4096 * 8] + bytes(255 for _ in range(4096)) + content[4096 * 9 :])
    with pytest.raises(LedgerDamaged):
        back_up(ledger.path, NOW + DAY, kept=1)
    found = newest_sound(ledger.path)
    assert found is not None
    assert found.file == made.file


def test_an_older_schema_is_kept_before_it_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.sqlite"
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:9])
        open_ledger(path, checkpoints=True).close()
    open_ledger(path).close()
    [kept] = list_backups(path)
    assert kept.before_version == 10
    with closing(sqlite3.connect(kept.file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (9,)
    back_up_if_due(path, datetime.now(UTC), kept=1)
    assert len(list_backups(path)) == 2, "it is no daily one"


def test_a_check_stops_when_its_time_is_over(ledger: Ledger) -> None:
    for _ in range(100):
        spend_money(ledger, 1, task="t" * 500)
    assert quick_check(ledger.path, budget_s=-1) is Soundness.UNFINISHED
    assert quick_check(ledger.path) is Soundness.SOUND


@cell("F11", "file put in another's place", "in use", "taken up; its WAL is left alone")
def test_a_ledger_put_in_anothers_place_is_taken_up_by_who_has_it_open(ledger: Ledger) -> None:
    cap = set_cap(ledger, 10**9)
    backup = back_up(ledger.path, NOW)
    spend_money(ledger, 7)
    watch, told = ChangeWatch(ledger), list[str]()
    ledger.taken_up = lambda: told.append("taken up")
    aside = ledger.path.with_name("aside")
    move_away(ledger.path, aside)
    for ask in (lambda: status_of(ledger, cap), lambda: spend_money(ledger, 1)):
        is_gone(ask)
    assert watch.changed()
    backup.file.rename(ledger.path)

    assert watch.changed()
    assert status_of(ledger, cap).spent_nano_usd == 0
    spend_money(ledger, 3)
    assert watch.changed()
    assert not watch.changed()
    assert told == ["taken up"]
    watch.close()
    ledger.close()
    again = open_ledger(ledger.path)
    assert status_of(again, cap).spent_nano_usd == 3, "what was closed left the new one's WAL alone"
    again.close()


def test_who_had_the_old_file_open_leaves_what_is_written_into_the_new_one(ledger: Ledger) -> None:
    """SQLite deletes a WAL by its name as the last connection closes."""
    cap = set_cap(ledger, 10**9)
    backup = back_up(ledger.path, NOW)
    spend_money(ledger, 7)
    move_away(ledger.path, ledger.path.with_name("aside"))
    backup.file.rename(ledger.path)
    restorer = open_ledger(ledger.path)
    spend_money(restorer, 3)
    assert status_of(ledger, cap).spent_nano_usd == 3
    third = open_ledger(ledger.path)
    assert status_of(third, cap).spent_nano_usd == 3
    for one in (third, restorer):
        one.close()


def is_gone(ask: Callable[[], object]) -> None:
    with pytest.raises(LedgerError, match="gone"):
        ask()


def move_away(path: Path, folder: Path) -> None:
    folder.mkdir()
    for ending in ("", "-wal", "-shm"):
        places.beside(path, ending).rename(folder / f"{path.name}{ending}")
