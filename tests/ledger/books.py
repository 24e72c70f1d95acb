"""The same questions asked of a laptop's ledger and of a team's, so that one history can be played on both."""

import itertools
import tempfile
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from unittest.mock import patch

from sqlalchemy import event, select

from app.core.caps import Cap
from app.core.reservations import CapWindow, Draft, Verdict
from app.core.tags import Scope
from app.ledger import cap_store, meter_state, raise_store
from app.ledger.cap_store import read_caps
from app.ledger.engine import open_ledger
from app.ledger.holding import extend
from app.ledger.limit_tables import observations
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.recovery import recover_dead_instances
from app.ledger.tables import calls, totals
from app.ledger.verification import verify_ledger
from tests.ledger.bookkeeping import Total, derived_totals, end, reserve, void_call, written_totals


class Running(NamedTuple):
    """A window as its row says, and when it ends."""

    cap_id: str
    window_key: str
    ends_at: datetime | None


class Status(NamedTuple):
    """What a person is told of a cap's running window."""

    cap: Cap
    window_key: str
    spent: int
    limit: int


class Books(Protocol):
    """A ledger, by what can be done to it. `now` is what its clock shows."""

    now: datetime

    def new_id(self) -> str: ...
    def start_meter(self, meter: int) -> None: ...
    def reserve(self, draft: Draft, meter: int, excused: frozenset[CapWindow]) -> Verdict: ...
    def extend(self, draft: Draft, more: int) -> bool: ...
    def end(self, draft: Draft, cost: int | None, *, is_certain: bool) -> bool: ...
    def void(self, draft: Draft) -> bool: ...
    def crash(self, meter: int) -> int: ...
    def add_cap(self, scope: Scope, scope_key: str, **values: Any) -> Cap: ...
    def update_cap(self, cap: Cap) -> None: ...
    def remove_cap(self, cap_id: str) -> None: ...
    def restore_cap(self, cap_id: str) -> None: ...
    def raise_by(self, cap_id: str, window_key: str, more: int, until: datetime | None) -> None: ...
    def windows(self) -> list[Running]: ...
    def totals(self) -> dict[CapWindow, Total]: ...
    def derived(self) -> dict[CapWindow, Total]: ...
    def statuses(self) -> list[Status]: ...
    def observed(self) -> list[tuple[str, str]]: ...
    def charged(self) -> list[tuple[str, int]]: ...
    def verify(self) -> None: ...
    def close(self) -> None: ...


class LaptopBooks:
    """A laptop's ledger: a SQLite file."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.stack = ExitStack()
        folder = self.stack.enter_context(tempfile.TemporaryDirectory())
        self.ledger = open_ledger(Path(folder) / "ledger.sqlite")
        self.stack.callback(self.ledger.close)
        # No power is cut here, so no step needs to wait for the disk; `close` makes every connection be made anew.
        self.ledger.close()
        event.listen(
            self.ledger.engine, "connect", lambda driver, _: driver.execute("PRAGMA synchronous = OFF").close()
        )
        self._numbers = itertools.count()
        for module in (cap_store, meter_state, raise_store):
            self.stack.enter_context(patch.object(module, "new_id", self.new_id))
        for module in (cap_store, raise_store):
            clock = self.stack.enter_context(patch.object(module, "datetime", wraps=datetime))
            clock.now.side_effect = lambda _zone: self.now
        self.locks: dict[int, InstanceLock] = {}

    def new_id(self) -> str:
        return f"{next(self._numbers):032x}"

    def start_meter(self, meter: int) -> None:
        self.locks[meter] = InstanceLock(self.ledger)
        register_meter(self.ledger, self.locks[meter].instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")

    def reserve(self, draft: Draft, meter: int, excused: frozenset[CapWindow]) -> Verdict:
        return reserve(self.ledger, draft, instance=self.locks[meter].instance_id, excused=excused)

    def extend(self, draft: Draft, more: int) -> bool:
        with self.ledger.write() as connection:
            return extend(connection, read_caps(connection), draft.call_id, more)

    def end(self, draft: Draft, cost: int | None, *, is_certain: bool) -> bool:
        return end(self.ledger, draft, cost, is_certain=is_certain)

    def void(self, draft: Draft) -> bool:
        return void_call(self.ledger, draft)

    def crash(self, meter: int) -> int:
        self.locks[meter].release()
        return recover_dead_instances(self.ledger, self.now)

    def add_cap(self, scope: Scope, scope_key: str, **values: Any) -> Cap:
        return cap_store.add_cap(self.ledger, scope=scope, scope_key=scope_key, **values)

    def update_cap(self, cap: Cap) -> None:
        cap_store.update_cap(self.ledger, cap)

    def remove_cap(self, cap_id: str) -> None:
        cap_store.remove_cap(self.ledger, cap_id)

    def restore_cap(self, cap_id: str) -> None:
        cap_store.restore_cap(self.ledger, cap_id)

    def raise_by(self, cap_id: str, window_key: str, more: int, until: datetime | None) -> None:
        raise_store.raise_by(self.ledger, cap_id, window_key, more, until=until)

    def windows(self) -> list[Running]:
        with self.ledger.read() as connection:
            rows = connection.execute(select(totals).order_by(totals.c.cap_id, totals.c.window_key)).all()
        return [Running(row.cap_id, row.window_key, row.ends_at) for row in rows]

    def totals(self) -> dict[CapWindow, Total]:
        return written_totals(self.ledger)

    def derived(self) -> dict[CapWindow, Total]:
        return derived_totals(self.ledger)

    def statuses(self) -> list[Status]:
        found = cap_store.cap_statuses(self.ledger, self.now)
        return [Status(one.cap, one.window_key, one.spent_nano_usd, one.limit_nano_usd) for one in found]

    def observed(self) -> list[tuple[str, str]]:
        with self.ledger.read() as connection:
            rows = connection.execute(select(observations.c.call_id, observations.c.cap_id)).all()
        return [(row.call_id, row.cap_id) for row in rows]

    def charged(self) -> list[tuple[str, int]]:
        with self.ledger.read() as connection:
            rows = connection.execute(select(calls.c.call_id, calls.c.charged_nano_usd)).all()
        return [(row.call_id, row.charged_nano_usd) for row in rows]

    def verify(self) -> None:
        assert verify_ledger(self.ledger).differences == ()

    def close(self) -> None:
        with self.stack:
            for lock in self.locks.values():
                lock.release()
