"""A ledger in use, in whose place a test then puts a broken one."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.core.caps import Cap
from app.ledger.backups import Backup, back_up
from app.ledger.engine import open_ledger
from app.ledger.meter_state import InstanceLock
from tests.ledger.bookkeeping import set_cap, spend_money, status_of

COST = 1_000_000
LIMIT = 10**12
CALLS = 120
"""So many before its backup, and as many after."""


@dataclass(frozen=True)
class Used:
    """Where it lies, its cap, its backup, and what was spent in truth: before the backup and in all."""

    path: Path
    cap: Cap
    backup: Backup | None
    spent_then: int
    spent: int

    def spent_now(self) -> int:
        ledger = open_ledger(self.path)
        try:
            return status_of(ledger, self.cap).spent_nano_usd
        finally:
            ledger.close()


def make_used(path: Path, *, is_backed_up: bool = True) -> Used:
    """A ledger that a meter once used: half of its calls are in a backup."""
    ledger = open_ledger(path, checkpoints=True)
    InstanceLock(ledger).release()
    cap = set_cap(ledger, LIMIT)
    for _ in range(CALLS):
        spend_money(ledger, COST, worst=2 * COST, task="t" * 400)
    backup = back_up(path, datetime.now(UTC)) if is_backed_up else None
    for _ in range(CALLS):
        spend_money(ledger, COST, worst=2 * COST, task="t" * 400)
    ledger.close()
    return Used(path, cap, backup, CALLS * COST, 2 * CALLS * COST)


def root_page(path: Path, name: str) -> int:
    """The first page of a table or an index, counted from 1."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0])


def page_bytes(path: Path) -> int:
    """The size of a page."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA page_size").fetchone()[0])


def leaf_pages(path: Path, name: str) -> list[int]:
    """The pages that hold the rows of a table, in order of their row ids: children of its root."""
    size, root = page_bytes(path), root_page(path, name)
    page = path.read_bytes()[(root - 1) * size : root * size]
    assert page[0] == 5, "an interior page of a table"
    cells = int.from_bytes(page[3:5])
    places = [int.from_bytes(page[12 + 2 * number : 14 + 2 * number]) for number in range(cells)]
    return [int.from_bytes(page[at : at + 4]) for at in places] + [int.from_bytes(page[8:12])]


def break_page(path: Path, page: int, content: int = 0xFF) -> None:
    """Overwrite one page."""
    size = page_bytes(path)
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes([content]) * size)
