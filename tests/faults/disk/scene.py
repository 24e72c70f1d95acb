"""What is done to a ledger while its disk fails, and what must be true of it afterwards."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from app.core.errors import LedgerError
from app.core.reservations import Draft
from app.ledger.backups import back_up
from app.ledger.cap_store import list_caps, read_caps
from app.ledger.database_errors import explained
from app.ledger.engine import Ledger, open_ledger
from app.ledger.quarantine import open_sound
from app.ledger.settlement import abandon
from app.ledger.soundness import Soundness, full_check
from app.ledger.tables import calls, reservations
from app.ledger.verification import verify_ledger
from tests.ledger.bookkeeping import end, make_draft, reserve, set_cap, spend_money, status_of

LIMIT, WORST, COST = 10**12, 100, 7


@dataclass
class Scene:
    """One ledger in use. `held` and `ended` are what it has acknowledged: a call's draft once its money was held, and
    once its cost was written."""

    path: Path
    ledger: Ledger
    held: dict[str, Draft] = field(default_factory=dict)
    ended: dict[str, Draft] = field(default_factory=dict)
    refused: int = 0

    @classmethod
    def of(cls, path: Path) -> "Scene":
        """A ledger with a cap and some calls, one of them on its way."""
        scene = cls(path, open_ledger(path, checkpoints=True))
        set_cap(scene.ledger, LIMIT)
        for _ in range(3):
            draft = spend_money(scene.ledger, COST, worst=WORST)
            scene.held[draft.call_id] = scene.ended[draft.call_id] = draft
        scene.hold()
        return scene

    def attempt(self, act: Callable[[], object]) -> None:
        """Do something that the ledger may refuse: with an error that a person can be told, and no other."""
        try:
            act()
        except LedgerError:
            self.refused += 1

    def hold(self) -> None:
        """Hold a call's money."""
        draft = make_draft(WORST)
        assert reserve(self.ledger, draft).is_admitted
        self.held[draft.call_id] = draft

    def settle(self) -> None:
        """Write what the oldest call on its way has cost."""
        draft = next(one for one in self.held.values() if one.call_id not in self.ended)
        assert end(self.ledger, draft, COST), "it was settled before, and nobody was told"
        self.ended[draft.call_id] = draft

    def checkpoint(self) -> None:
        """Carry what is in the WAL into the file, as the meter's writer does when it has grown."""
        with explained(), closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def copy(self) -> None:
        """Make a backup."""
        back_up(self.path, datetime.now(UTC))

    def reopen(self) -> None:
        """As a meter does that starts."""
        self.ledger.close()
        self.ledger = open_sound(self.path, checkpoints=True)


def check(path: Path, held: dict[str, Draft], ended: dict[str, Draft]) -> None:
    """What must be true of a ledger, whatever its disk did: it is whole, its totals are its calls', and nothing that it
    acknowledged is lost, once the next meter has charged what was on its way at worst."""
    assert full_check(path) is Soundness.SOUND
    ledger = open_sound(path, checkpoints=True)
    try:
        assert verify_ledger(ledger).differences == ()
        with ledger.read() as connection:
            there = set(connection.execute(select(reservations.c.call_id)).scalars())
            written = {row.call_id: row for row in connection.execute(select(calls))}
        assert ended.keys() <= written.keys(), "a call whose cost was written is lost"
        assert {written[one].cost_nano_usd for one in ended} <= {COST}
        assert held.keys() <= there | written.keys(), "money that was held is free"
        with ledger.write() as connection:
            abandon(connection, read_caps(connection), "meter", datetime.now(UTC))
        (cap,) = list_caps(ledger)
        least = COST * len(ended) + WORST * len(set(held) - written.keys())
        assert status_of(ledger, cap).spent_nano_usd >= least
        assert status_of(ledger, cap).held_nano_usd == 0
        assert verify_ledger(ledger).differences == ()
    finally:
        ledger.close()


def copied(home: Path, to: Path) -> Path:
    """A folder like that one: without the memory that its processes share."""
    shutil.copytree(home, to, ignore=shutil.ignore_patterns("*-shm"))
    return to / "ledger.sqlite"
