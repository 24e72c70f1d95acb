from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.core.clock import Doubt
from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.desktop.models.approval_view import CLOCK_WORDS, answer_words, waiting_groups, why
from app.desktop.models.notice import (
    Act,
    alert_notices,
    is_quiet,
    meter_back_notice,
    meter_notice,
    waiting_notice,
)
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.tray_words import waiting_line
from app.desktop.reading import read_snapshot
from app.ledger import cap_store
from app.ledger.alert_store import Alert
from app.ledger.approval_store import answered, approve
from app.ledger.engine import Ledger
from tests.desktop.conftest import ZONE, Scribe

BERLIN = ZoneInfo("Europe/Berlin")


def reading(ledger: Ledger) -> Snapshot:
    return read_snapshot(ledger, datetime.now(UTC), ZONE)


def alert(percent: int, *, cap: str = "c", name: str = "Claude Code, this month", window: str = "2026-11") -> Alert:
    usd = NANO_PER_USD
    return Alert(percent, cap, name, window, percent, 120 * usd, 150 * usd, datetime.now(UTC))


def test_of_several_levels_only_the_highest_is_told() -> None:
    notices = alert_notices([alert(50), alert(80), alert(80, window="2026-12")], None)
    assert [(notice.title, notice.body) for notice in notices] == [
        ("Claude Code is at 80% this month", "$120.00 of $150.00.")
    ] * 2
    assert notices[0].page == "Caps"


def test_an_alert_tells_its_pace(ledger: Ledger, scribe: Scribe) -> None:
    cap = cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=10, time_zone="UTC"
    )
    scribe.write_call(10)
    (notice,) = alert_notices([alert(100, cap=cap.cap_id)], reading(ledger))
    assert notice.body.startswith("$120.00 of $150.00. Used up. Resets in ")


@pytest.mark.parametrize(("limit", "used"), [(1, "has <$0.01 left"), (0, "is used up")])
def test_one_call_that_waits_can_be_answered(ledger: Ledger, scribe: Scribe, limit: int, used: str) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.PROJECT, scope_key="billing-api", window=Window.DAY, limit_nano_usd=limit + 10,
        time_zone="UTC",
    )  # fmt: skip
    scribe.write_call(10)
    scribe.ask(NANO_PER_USD)
    notice = waiting_notice(reading(ledger))
    assert notice.title == "Claude Code waits for you"
    assert notice.body == f"billing-api, today {used}. Next call: up to $1.00."
    assert [action.label for action in notice.actions] == ["Approve once", "Refuse", "Open", "Open"]
    assert [action.key for action in notice.actions][:2] == [Act.APPROVE, Act.REFUSE]


def test_a_clock_in_doubt_is_asked_about_in_its_own_words(ledger: Ledger, scribe: Scribe) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=NANO_PER_USD, time_zone="UTC"
    )
    scribe.ask(1, doubt=Doubt("mark", timedelta(hours=-3)))
    snapshot = reading(ledger)
    notice = waiting_notice(snapshot)
    assert (notice.title, notice.body) == ("The clock went back by 3 hours", CLOCK_WORDS)
    assert [action.label for action in notice.actions][:2] == ["It is right", "Refuse"]
    (group,) = waiting_groups(snapshot)
    assert waiting_line(group) == "Claude Code waits: The clock went back by 3 hours"
    assert why(group.oldest).startswith("<b>The clock went back by 3 hours</b>. Caps by day, week or month")
    approve(ledger, group.oldest.approval_id, by="me")
    assert answer_words(answered(ledger)[0]) == "The clock is right"


def test_many_that_wait_are_counted_and_opened(ledger: Ledger, scribe: Scribe) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=1, time_zone="UTC"
    )
    for session in ("s-1", "s-1", "s-2"):
        scribe.ask(NANO_PER_USD, tags=Tags(agent="Codex", session=session))
    notice = waiting_notice(reading(ledger))
    assert (notice.title, notice.page) == ("3 calls wait in 2 sessions", "Approvals")
    assert [action.label for action in notice.actions] == ["Open", "Open"]


def test_the_meter_is_told_with_its_reason_and_leads_to_the_doctor() -> None:
    notice = meter_notice("Another program uses port 8787.")
    assert (notice.title, notice.body, notice.page) == (
        "The meter stopped", "Another program uses port 8787.", "Doctor",
    )  # fmt: skip
    assert notice.actions[0].label == "Open Doctor"
    assert meter_back_notice().actions == ()


@pytest.mark.parametrize(
    ("clock", "start", "end", "quiet"),
    [
        ("23:10", "22:00", "07:00", True), ("03:00", "22:00", "07:00", True), ("07:00", "22:00", "07:00", False),
        ("12:00", "22:00", "07:00", False), ("12:00", "12:00", "13:00", True), ("13:00", "12:00", "13:00", False),
        ("12:00", "", "", False), ("12:00", "12:00", "12:00", False), ("12:00", "22:00", "", False),
    ],
)  # fmt: skip
def test_quiet_hours_may_go_over_midnight(clock: str, start: str, end: str, quiet: bool) -> None:
    hour, minute = map(int, clock.split(":"))
    assert is_quiet(datetime(2026, 11, 20, hour, minute, tzinfo=BERLIN), start, end) is quiet
