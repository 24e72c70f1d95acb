import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.core.errors import LedgerError
from app.ledger import places
from app.ledger.engine import Ledger, open_ledger
from app.ledger.glance import SCHEMA, glance, is_plain
from app.ledger.migrations import MIGRATIONS
from tests.ledger.bookkeeping import spend_money


def changed(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as driver:
        driver.execute(statement)
        driver.commit()


def put_foreign_wal(path: Path) -> None:
    places.beside(path, "-wal").write_bytes(b"no WAL at all")


def lose(path: Path) -> None:
    places.backups_folder(path).mkdir()
    (places.backups_folder(path) / "ledger-2026-01-01.sqlite").touch()
    path.write_bytes(b"")


BROKEN: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "lost": lose,
    "older": lambda path: changed(path, f"PRAGMA user_version = {SCHEMA - 1}"),
    "newer": lambda path: changed(path, f"PRAGMA user_version = {SCHEMA + 1}"),
    "another program's": lambda path: changed(path, "DROP TABLE calls"),
    "no database": lambda path: path.write_text("this is not a ledger " * 100),
    "with a foreign WAL": put_foreign_wal,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "ledger ? 100% #1.sqlite"
    open_ledger(file).close()
    return file


def test_the_newest_schema_is_known_without_its_history() -> None:
    assert len(MIGRATIONS) == SCHEMA


def test_a_ledger_as_it_must_be_is_plain(path: Path) -> None:
    assert is_plain(path)


@pytest.mark.parametrize("kind", BROKEN)
def test_whatever_else_is_left_to_the_opening(path: Path, kind: str) -> None:
    BROKEN[kind](path)
    assert not is_plain(path)


def test_a_glance_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened"), glance(tmp_path / "none.sqlite"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_glance_is_one_picture_and_changes_nothing(ledger: Ledger) -> None:
    def calls(reader: sqlite3.Connection) -> int:
        [number] = reader.execute("SELECT count(*) FROM calls").fetchone()
        return int(number)

    spend_money(ledger, 10)
    with glance(ledger.path) as reader:
        assert calls(reader) == 1
        spend_money(ledger, 10)
        assert calls(reader) == 1
    with pytest.raises(LedgerError, match="cannot be written"), glance(ledger.path) as reader:
        reader.execute("DELETE FROM calls")
    with glance(ledger.path) as reader:
        assert calls(reader) == 2


def test_what_goes_wrong_in_a_glance_is_told_as_ever(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\x5a" * (size - 4096))
    with pytest.raises(LedgerError, match="damaged"), glance(path) as reader:
        reader.execute("SELECT * FROM calls").fetchall()
