from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.caps import Cap
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window, span_at
from app.desktop.models.cap_view import CapView, cap_views
from app.desktop.models.ring_state import RingKind, ring_of
from app.desktop.models.snapshot import Snapshot
from app.desktop.reading import read_snapshot
from app.ledger.cap_store import CapStatus, Level, add_cap
from app.ledger.engine import Ledger
from tests.desktop.conftest import ZONE, Scribe

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


def status(spent_cents: int, window: Window = Window.DAY, *, limit: int = 10, unpriced: int = 0) -> CapStatus:
    span = span_at(window, NOW, ZONE)
    cap = Cap("c", Scope.PROJECT, "billing-api", window, limit * NANO_PER_USD)
    cents = NANO_PER_USD // 100
    return CapStatus(cap, span.key, spent_cents * cents, 0, cap.limit_nano_usd, span.starts_at, span.ends_at, unpriced)


@pytest.fixture
def snapshot(ledger: Ledger, scribe: Scribe) -> Snapshot:
    return read_snapshot(ledger, NOW, ZONE)


def view(snapshot: Snapshot, one: CapStatus) -> CapView:
    return cap_views(_with(snapshot, one))[0]


def _with(snapshot: Snapshot, *caps: CapStatus) -> Snapshot:
    return replace(snapshot, caps=caps)


@pytest.mark.parametrize(
    ("spent", "window", "level", "pace"),
    [
        (100, Window.DAY, Level.FINE, "Lasts the day"),
        (700, Window.DAY, Level.FINE, "Runs out in 6 h"),
        (950, Window.DAY, Level.NEAR, "Runs out in 44 min"),
        (1000, Window.DAY, Level.AT, "Used up. Resets in 10 h"),
        (100, Window.WEEK, Level.FINE, "Lasts until Sunday"),
        (800, Window.MONTH, Level.NEAR, "Runs out in 4 days, on Nov 25"),
        (0, Window.DAY, Level.FINE, ""),
    ],
)
def test_pace_is_told_in_words(snapshot: Snapshot, spent: int, window: Window, level: Level, pace: str) -> None:
    seen = view(snapshot, status(spent, window))
    assert (seen.level, seen.pace) == (level, pace)


def test_pace_is_left_out_before_three_percent_of_the_window(snapshot: Snapshot) -> None:
    early = replace(snapshot, read_at=NOW.replace(hour=0) + timedelta(minutes=30))
    assert view(early, status(900)).pace == ""


def test_a_cap_that_runs_out_within_the_hour_is_near(snapshot: Snapshot) -> None:
    morning = replace(snapshot, read_at=NOW.replace(hour=2))
    assert view(morning, status(790)).level is Level.NEAR


def test_a_cap_that_a_call_waits_for_is_at_its_limit(ledger: Ledger, scribe: Scribe) -> None:
    now = datetime.now(UTC)
    add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL, limit_nano_usd=NANO_PER_USD, time_zone="UTC"
    )
    scribe.ask(2 * NANO_PER_USD)
    seen = cap_views(read_snapshot(ledger, now, ZONE))[0]
    assert (seen.level, seen.pace, seen.resets) == (Level.AT, "$1.00 left.", "Never resets")


def test_calls_without_a_price_are_told(snapshot: Snapshot) -> None:
    assert view(snapshot, status(100, unpriced=2)).pace == "Lasts the day. 2 calls without a price"


@pytest.mark.parametrize(
    ("caps", "kind"),
    [
        ((), RingKind.NO_CAP),
        ((status(100),), RingKind.FINE),
        ((status(850),), RingKind.NEAR),
        ((status(1000), status(100)), RingKind.AT),
        ((status(0, unpriced=3),), RingKind.UNKNOWN),
    ],
)
def test_the_ring_follows_the_tightest_cap(snapshot: Snapshot, caps: tuple[CapStatus, ...], kind: RingKind) -> None:
    assert ring_of(_with(snapshot, *caps)).kind is kind


def test_the_ring_tells_in_words(snapshot: Snapshot) -> None:
    told = ring_of(_with(snapshot, status(860))).words
    assert told == "Tightest cap: billing-api, today, 86 percent used, near its cap"


def test_without_a_meter_the_ring_is_struck_through(snapshot: Snapshot, scribe: Scribe, ledger: Ledger) -> None:
    scribe.lock.release()
    assert ring_of(read_snapshot(ledger, NOW, ZONE)).kind is RingKind.DOWN
