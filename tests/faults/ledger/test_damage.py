"""Files that are damaged or lost: nothing empty takes their place, and what can be is restored."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.errors import InvalidInput, LedgerDamaged, LedgerError, LedgerGone
from app.ledger.call_store import recent_calls
from app.ledger.engine import open_ledger
from app.ledger.feed import ChangeWatch
from app.ledger.quarantine import open_or_await, open_sound
from app.ledger.restoring import Restored, restore_ledger
from app.ledger.salvage import STATE
from app.ledger.verification import verify_ledger
from tests.faults.cells import cell
from tests.faults.ledger.used_ledger import CALLS, COST, Used, break_page, leaf_pages, make_used, root_page
from tests.ledger.bookkeeping import spend_money


def delete(used: Used) -> None:
    used.path.unlink()


def empty(used: Used) -> None:
    used.path.write_bytes(b"")


def cut_in_half(used: Used) -> None:
    os.truncate(used.path, used.path.stat().st_size // 2)


def lose_header(used: Used) -> None:
    with used.path.open("r+b") as file:
        file.write(b"somebody's diary" * 2)


def replace_by_garbage(used: Used) -> None:
    used.path.write_bytes(os.urandom(used.path.stat().st_size))


def break_calls_at_the_end(used: Used) -> None:
    break_page(used.path, leaf_pages(used.path, "calls")[-2])


def break_root_of_calls(used: Used) -> None:
    break_page(used.path, root_page(used.path, "calls"))


def break_totals(used: Used) -> None:
    break_page(used.path, root_page(used.path, "totals"))


def break_caps(used: Used) -> None:
    break_page(used.path, root_page(used.path, "caps"))


def break_index(used: Used) -> None:
    break_page(used.path, root_page(used.path, "calls_by_session"), content=0)


def break_wal_header(used: Used) -> None:
    """As after a kill: what was written last stands in the WAL alone."""
    scene = used.path.with_name("scene")
    scene.mkdir()
    ledger = open_ledger(used.path)
    spend_money(ledger, COST, worst=2 * COST)
    for file in used.path.parent.glob("ledger.sqlite*"):
        if file.is_file():
            shutil.copyfile(file, scene / file.name)
    ledger.close()
    for file in scene.iterdir():
        shutil.copyfile(file, used.path.with_name(file.name))
    with used.path.with_name("ledger.sqlite-wal").open("r+b") as wal:
        wal.write(os.urandom(32))


@dataclass(frozen=True)
class Fault:
    """What is done to the file, and what is expected. `spent` are nano-dollars that its cap must carry after a restore:
    the truth, or more where no more is known."""

    do: Callable[[Used], None]
    expected: str
    error: type[LedgerError]
    least: int
    most: int
    is_whole: bool = True


TRUTH, THEN, WORST = 2 * CALLS * COST, CALLS * COST, 4 * CALLS * COST

FAULTS = {
    "file deleted": Fault(delete, "not opened, no empty ledger; the backup is put back", LedgerGone, THEN, THEN, False),
    "file empty": Fault(empty, "not opened, no empty ledger; the backup is put back", LedgerGone, THEN, THEN, False),
    "file cut in half": Fault(
        cut_in_half, "not opened; kept aside; never less than the backup is put back", LedgerDamaged, THEN, WORST, False
    ),
    "header overwritten": Fault(lose_header, "not opened; all calls are read again", LedgerDamaged, TRUTH, TRUTH),
    "file is garbage": Fault(
        replace_by_garbage, "not opened; the backup, and what is missing is told", LedgerDamaged, THEN, THEN, False
    ),
    "page of calls broken": Fault(
        break_calls_at_the_end, "calls that cannot be read are charged at worst", LedgerDamaged, TRUTH, WORST, False
    ),
    "root page of calls broken": Fault(
        break_root_of_calls, "all since the backup is charged at worst", LedgerDamaged, TRUTH, WORST, False
    ),
    "page of totals broken": Fault(break_totals, "totals are derived again", LedgerDamaged, TRUTH, TRUTH),
    "page of caps broken": Fault(break_caps, "the backup's caps, over all calls", LedgerDamaged, TRUTH, TRUTH),
    "page of an index broken": Fault(break_index, "nothing is lost", LedgerDamaged, TRUTH, TRUTH),
    "WAL is garbage": Fault(
        break_wal_header, "not passed over in silence; the file without it", LedgerDamaged, TRUTH, TRUTH
    ),
}
"""Each fault of a file with what is expected of Bursar."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Used:
    return make_used(tmp_path_factory.mktemp("original") / "ledger.sqlite")


@pytest.fixture
def used(original: Used, tmp_path: Path) -> Used:
    home = tmp_path / "home"
    shutil.copytree(original.path.parent, home)
    return Used(home / "ledger.sqlite", original.cap, original.backup, original.spent_then, original.spent)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=cell("F11", name, "at the start", fault.expected)) for name, fault in FAULTS.items()],
)
def test_a_broken_ledger_is_refused_kept_and_put_back(used: Used, name: str) -> None:
    fault = FAULTS[name]
    fault.do(used)
    broken = used.path.read_bytes() if used.path.exists() else b""

    for error in (fault.error, LedgerGone):
        with pytest.raises(error):
            open_sound(used.path, checkpoints=True)
        with pytest.raises(LedgerError):
            open_ledger(used.path)
        assert not used.path.exists() or used.path.stat().st_size == 0, "nothing was made in its place"

    restored = restore_ledger(used.path, datetime.now(UTC))

    assert fault.least <= used.spent_now() <= fault.most
    assert (restored.missing_until is None) is fault.is_whole
    ledger = open_sound(used.path, checkpoints=True)
    assert verify_ledger(ledger).differences == ()
    assert len(recent_calls(ledger, 10_000)) == restored.calls
    ledger.close()
    kept = [file.read_bytes() for file in used.path.parent.glob("quarantine/*/ledger.sqlite")]
    assert kept == ([broken] if broken or name == "file empty" else [])


@pytest.mark.parametrize("name", FAULTS)
def test_a_meter_waits_for_a_broken_ledger_and_takes_up_what_is_restored(used: Used, name: str) -> None:
    FAULTS[name].do(used)
    ledger = open_or_await(used.path, checkpoints=True)
    watch = ChangeWatch(ledger)
    taken_up: list[bool] = []
    ledger.taken_up = lambda: taken_up.append(True)
    for attempt in (ledger.read, ledger.write):
        with pytest.raises(LedgerGone), attempt():
            pass
    assert watch.changed()
    assert not used.path.exists(), "nothing was made in its place"
    restored = restore(used)
    assert watch.changed()
    assert len(recent_calls(ledger, 10_000)) == restored.calls
    assert taken_up == [True]
    watch.close()
    ledger.close()


def test_every_table_is_salvaged_or_derived(used: Used) -> None:
    with closing(sqlite3.connect(used.path)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    derived = {"rollups", "rolled_up"}
    assert {table.name for table in STATE} | {"calls", "sqlite_sequence"} | derived == names


@cell("F11", "page of calls broken", "restore", "calls that cannot be read are charged at worst")
def test_a_call_that_was_sent_and_cannot_be_read_is_charged_at_worst(used: Used) -> None:
    break_calls_at_the_end(used)
    with pytest.raises(LedgerDamaged):
        open_sound(used.path, checkpoints=True)
    restored = restore(used)
    assert 0 < restored.assumed_calls < CALLS
    assert restored.recovered_calls + restored.assumed_calls == CALLS
    assert used.spent_now() == used.spent + restored.assumed_calls * COST


@cell("F11", "no backup", "restore", "what can be read; an empty one on a person's word only")
def test_without_a_backup_what_can_be_read_is_put_back(tmp_path: Path) -> None:
    used = make_used(tmp_path / "home" / "ledger.sqlite", is_backed_up=False)
    break_index(used)
    restored = restore(used)
    assert (restored.backup, restored.recovered_calls) == (None, 2 * CALLS)
    assert used.spent_now() == used.spent


@cell("F11", "no backup", "restore", "what can be read; an empty one on a person's word only")
def test_where_nothing_is_left_an_empty_ledger_is_made_on_a_persons_word_only(tmp_path: Path) -> None:
    used = make_used(tmp_path / "home" / "ledger.sqlite", is_backed_up=False)
    replace_by_garbage(used)
    for _ in range(2):
        with pytest.raises(LedgerError, match="no backup") as told:
            restore(used)
        assert "bursar ledger restore --empty" in told.value.message
        assert not used.path.exists()
    restored = restore_ledger(used.path, datetime.now(UTC), is_empty=True)
    assert restored.calls == 0
    open_ledger(used.path).close()


@cell("F11", "newest backup damaged", "restore", "an older one is taken")
def test_a_damaged_backup_is_passed_over_for_an_older_one(used: Used) -> None:
    assert used.backup is not None
    newest = used.path.parent / "backups" / "ledger-20990101T000000Z.sqlite"
    shutil.copyfile(used.path.parent / "backups" / used.backup.file.name, newest)
    break_page(newest, 2)
    delete(used)
    restored = restore(used)
    assert restored.backup is not None
    assert restored.backup.name == used.backup.file.name
    with pytest.raises(InvalidInput, match="sound"):
        restore_ledger(used.path, datetime.now(UTC), backup=newest)


def test_a_sound_ledger_is_not_put_back(used: Used) -> None:
    with pytest.raises(InvalidInput, match="sound"):
        restore(used)
    assert used.spent_now() == used.spent


@cell("F11", "somebody else's file", "at the start", "refused and left where it is")
def test_somebody_elses_file_is_never_moved(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite"
    file.write_bytes(b"somebody's diary " * 500)
    with pytest.raises(LedgerDamaged):
        open_sound(file, checkpoints=True)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite"]


@cell("F11", "WAL deleted, with all there was in it", "at the start", "no blank ledger")
def test_what_was_in_a_lost_wal_only_leaves_no_blank_ledger(tmp_path: Path) -> None:
    """A file that was never checkpointed is a blank without its WAL."""
    live, path = tmp_path / "live", tmp_path / "home" / "ledger.sqlite"
    ledger = open_ledger(live / "ledger.sqlite")
    shutil.copytree(live, path.parent)
    ledger.close()
    path.with_name("ledger.sqlite-wal").unlink()
    path.with_name("ledger.sqlite.meters").mkdir()
    with pytest.raises(LedgerGone):
        open_ledger(path)


def restore(used: Used) -> Restored:
    return restore_ledger(used.path, datetime.now(UTC))
