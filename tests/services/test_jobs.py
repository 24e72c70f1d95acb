import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import LedgerError
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.backups import list_backups
from app.ledger.cap_store import add_cap, cap_statuses
from app.ledger.engine import Ledger
from app.services import jobs
from app.services.jobs import WindowEnds, next_window_end, start_jobs


def _add_day_cap(ledger: Ledger) -> None:
    add_cap(ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=10**9, time_zone="UTC")


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_next_roll_over_is_the_first_end_of_a_window(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    assert next_window_end(ledger, now) is None
    add_cap(ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL, limit_nano_usd=1, time_zone="UTC")
    assert next_window_end(ledger, now) is None
    add_cap(ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.MONTH, limit_nano_usd=1, time_zone="UTC")
    _add_day_cap(ledger)
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    assert next_window_end(ledger, now) == tomorrow


def test_a_window_rolls_over_at_its_end(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    rolled: list[datetime] = []
    soon = datetime.now(UTC) + timedelta(seconds=0.2)
    monkeypatch.setattr(jobs, "next_window_end", lambda ledger, now: soon if soon > now else None)
    monkeypatch.setattr(jobs, "roll_windows", lambda ledger, now: rolled.append(now))
    running = start_jobs(ledger)
    try:
        _wait_for(lambda: bool(rolled))
    finally:
        running.stop()
        running.stop()
    assert rolled[0] >= soon


def test_a_new_cap_is_known_within_a_period_and_a_busy_ledger_is_asked_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    trigger = WindowEnds(ledger)
    assert trigger.get_next_fire_time(None, now) == now + jobs.PERIOD
    _add_day_cap(ledger)
    before_midnight = datetime(2026, 11, 22, 23, 59, 50, tzinfo=UTC)
    assert trigger.get_next_fire_time(None, before_midnight) == before_midnight + timedelta(seconds=10)

    def busy(ledger: Ledger, now: datetime) -> datetime | None:
        raise LedgerError("The ledger is busy", "Try again.")

    monkeypatch.setattr(jobs, "next_window_end", busy)
    assert trigger.get_next_fire_time(None, now) == now + jobs.PERIOD


def test_a_busy_ledger_does_not_end_the_jobs(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[datetime] = []

    def recover(ledger: Ledger, now: datetime) -> int:
        tried.append(now)
        if len(tried) == 1:
            raise LedgerError("The ledger is busy", "Try again.")
        return 0

    monkeypatch.setattr(jobs, "recover_dead_instances", recover)
    monkeypatch.setattr(jobs, "PERIOD", timedelta(seconds=0.05))
    running = start_jobs(ledger)
    try:
        _wait_for(lambda: len(tried) >= 3)
    finally:
        running.stop()


def test_the_ledger_is_left_as_it_is_when_nothing_is_due(ledger: Ledger) -> None:
    _add_day_cap(ledger)
    before = cap_statuses(ledger, datetime.now(UTC))
    running = start_jobs(ledger)
    running.stop()
    assert cap_statuses(ledger, datetime.now(UTC)) == before


def test_the_ledger_is_backed_up(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FIRST_BACKUP_AFTER", timedelta(0))
    running = start_jobs(ledger, 3)
    _wait_for(lambda: list_backups(ledger.path) != [])
    running.stop()
