import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.loops import LoopLevel
from app.core.money import NANO_PER_CENT, NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.desktop.application import Desktop
from app.desktop.commands import Commands
from app.desktop.ledger_feed import LedgerFeed
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.team_reading import TeamAlerts
from app.desktop.notifications import Notifier
from app.desktop.reading import read_snapshot
from app.desktop.tasks import Tasks
from app.keys.vault import FixedVault
from app.ledger import approval_store, cap_store
from app.ledger.alert_store import Alert
from app.ledger.engine import Ledger
from app.ledger.session_store import list_stopped_sessions
from app.services.settings import Settings
from app.services.told import Told, load_told
from tests.desktop.conftest import ZONE, Scribe
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import meter
from tests.end2end.provider import Provider, chat_completion
from tests.notification_service import NotificationService, running_notification_service

Fallen = list[tuple[str, str]]
Start = Callable[..., Notifier]


def alert(number: int, percent: int = 80, *, cap: str = "c", at: datetime | None = None) -> Alert:
    usd = NANO_PER_USD
    told_at = at or datetime.now(UTC)
    return Alert(number, cap, "Claude Code, this month", "2026-11", percent, 120 * usd, 150 * usd, told_at)


def reading(ledger: Ledger, **changes: object) -> Snapshot:
    found = read_snapshot(ledger, datetime.now(UTC), ZONE)
    return replace(found, **changes)  # type: ignore[arg-type]  # the callers name fields


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[NotificationService]:
    with running_notification_service(monkeypatch) as running:
        yield running


@pytest.fixture
def fallen() -> Fallen:
    """What the tray's own message had to show."""
    return []


@pytest.fixture
def start(tasks: Tasks, commands: Commands, fallen: Fallen, tmp_path: Path) -> Iterator[Start]:
    """Starts a notifier, as a tray does."""
    made: list[Notifier] = []

    def begin(settings: Settings = Settings()) -> Notifier:  # noqa: B008 - it is frozen
        told = tmp_path / "told.json"
        made.append(Notifier(tasks, commands, lambda title, body: fallen.append((title, body)), settings, told))
        return made[-1]

    yield begin
    for notifier in made:
        notifier.stop()


@pytest.fixture
def used_up(ledger: Ledger, scribe: Scribe) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=1, time_zone="UTC"
    )
    scribe.ask(NANO_PER_USD)


def test_an_alert_is_shown_by_the_service_without_a_sound(
    qtbot: QtBot, start: Start, service: NotificationService
) -> None:
    notifier = start()
    notifier.tell_alerts([alert(1, 50), alert(2, 80)])
    qtbot.waitUntil(lambda: bool(service.shown))
    (shown,) = service.shown
    assert (shown.title, shown.body) == ("Claude Code is at 80% this month", "$120.00 of $150.00.")
    assert shown.labels == ["Open"]
    assert shown.hints["suppress-sound"] is True
    qtbot.waitUntil(lambda: bool(notifier._notices))
    with qtbot.waitSignal(notifier.opened) as opened:
        service.press(shown.number, "default")
    assert opened.args == ["Caps"]


def test_the_next_level_of_a_cap_takes_the_place_of_the_one_before(
    qtbot: QtBot, start: Start, service: NotificationService
) -> None:
    notifier = start()
    notifier.tell_alerts([alert(1, 80)])
    qtbot.waitUntil(lambda: bool(notifier._shown))
    notifier.tell_alerts([alert(2, 100), alert(3, 80, cap="another")])
    qtbot.waitUntil(lambda: len(service.shown) == 3)
    assert [one.replaces for one in service.shown] == [0, service.shown[0].number, 0]


@pytest.mark.usefixtures("used_up")
@pytest.mark.parametrize(
    ("key", "state"),
    [("approve", approval_store.ApprovalState.APPROVED), ("refuse", approval_store.ApprovalState.REFUSED)],
)
def test_a_call_that_waits_is_answered_from_its_notification(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, key: str,
    state: approval_store.ApprovalState,
) -> None:  # fmt: skip
    notifier = start()
    notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: bool(notifier._notices))
    (shown,) = service.shown
    assert (shown.title, shown.labels) == ("Claude Code waits for you", ["Approve once", "Refuse", "Open"])
    service.press(shown.number, key)
    qtbot.waitUntil(lambda: approval_store.waiting(ledger) == [])
    assert approval_store.answered(ledger)[0].state is state
    notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: service.withdrawn == [shown.number])


@pytest.mark.usefixtures("used_up")
def test_an_answer_that_comes_too_late_is_told(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger
) -> None:
    notifier = start()
    notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: bool(notifier._notices))
    approval_store.refuse(ledger, approval_store.waiting(ledger)[0].approval_id, by="somebody")
    service.press(service.shown[0].number, "approve")
    qtbot.waitUntil(lambda: len(service.shown) == 2)
    assert service.shown[1].title


@pytest.mark.usefixtures("used_up")
def test_more_that_wait_take_the_place_of_the_first(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, scribe: Scribe
) -> None:
    notifier = start()
    for _ in range(2):
        notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: bool(notifier._shown))
    scribe.ask(NANO_PER_USD, tags=Tags(agent="Codex", session="s-2"))
    notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: len(service.shown) == 2)
    first, second = service.shown
    assert (second.title, second.replaces) == ("2 calls wait in 2 sessions", first.number)


@pytest.mark.usefixtures("used_up")
def test_a_tray_that_is_started_again_repeats_nothing(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, tmp_path: Path
) -> None:
    first = start()
    first.follow(reading(ledger, trouble="Another program uses port 8787."))
    first.tell_alerts([alert(7)])
    qtbot.waitUntil(lambda: len(first._shown) == 3)
    waiting = first._shown["waiting"]
    first.stop()
    assert service.withdrawn == [waiting]
    told = load_told(tmp_path / "told.json")
    assert (told.alert_id, len(told.waiting), told.meter_stopped) == (7, 1, True)

    second = start()
    assert second.told == told
    second.follow(reading(ledger, trouble="Another program uses port 8787."))
    second.follow(reading(ledger))
    qtbot.waitUntil(lambda: len(service.shown) == 4)
    assert service.shown[-1].title == "It runs again"


def test_its_return_is_told_only_where_its_end_was(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, scribe: Scribe
) -> None:
    notifier = start(replace(Settings(), notify_meter=False))
    notifier.follow(reading(ledger, trouble="It ended by itself."))
    notifier.take_settings(Settings())
    notifier.follow(reading(ledger))
    notifier.tell_alerts([alert(1)])
    qtbot.waitUntil(lambda: bool(service.shown))
    assert [one.title for one in service.shown] == ["Claude Code is at 80% this month"]


def test_the_meters_end_is_told_once_and_leads_to_the_doctor(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger
) -> None:
    notifier = start()
    for _ in range(3):
        notifier.follow(reading(ledger, trouble="Another program uses port 8787."))
    qtbot.waitUntil(lambda: bool(notifier._notices))
    (shown,) = service.shown
    assert (shown.title, shown.labels) == ("The meter stopped", ["Open Doctor"])
    with qtbot.waitSignal(notifier.opened) as opened:
        service.press(shown.number, "open")
    assert opened.args == ["Doctor"]


@pytest.mark.usefixtures("used_up")
def test_quiet_hours_hold_caps_but_not_who_waits_nor_the_meter(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger
) -> None:
    night = datetime(2026, 11, 20, 23, tzinfo=UTC)
    notifier = start(replace(Settings(), quiet_from="22:00", quiet_to="07:00"))
    notifier.follow(reading(ledger, read_at=night, trouble="Another program uses port 8787."))
    notifier.tell_alerts([alert(4, at=night)])
    notifier.follow(reading(ledger, read_at=night + timedelta(hours=1), trouble="Another program uses port 8787."))
    qtbot.waitUntil(lambda: len(service.shown) == 2)
    assert notifier.told.alert_id is None
    morning = night + timedelta(hours=8, minutes=1)
    notifier.follow(reading(ledger, read_at=morning, trouble="Another program uses port 8787."))
    qtbot.waitUntil(lambda: len(service.shown) == 3)
    assert service.shown[-1].title == "Claude Code is at 80% this month"
    assert notifier.told.alert_id == 4


def test_what_was_reached_long_before_the_tray_is_not_told(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger
) -> None:
    notifier = start()
    notifier.follow(reading(ledger))
    notifier.tell_alerts([alert(1, at=datetime.now(UTC) - timedelta(days=2)), alert(2, 90, cap="another")])
    qtbot.waitUntil(lambda: bool(service.shown))
    assert [one.title for one in service.shown] == ["Claude Code is at 90% this month"]
    assert notifier.told.alert_id == 2


def test_a_week_is_told_once_in_the_next_and_the_first_one_never(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, scribe: Scribe
) -> None:
    friday = datetime(2026, 11, 20, 14, tzinfo=UTC)
    scribe.write_call(NANO_PER_USD, at=friday)
    notifier = start(replace(Settings(), quiet_from="00:00", quiet_to="08:00"))
    notifier.follow(reading(ledger, read_at=friday))
    assert notifier.told.week == "week of 2026-11-16"
    monday = friday + timedelta(days=2, hours=12)
    notifier.follow(reading(ledger, read_at=monday))
    assert notifier.told.week == "week of 2026-11-16"
    for hours in (7, 8):
        notifier.follow(reading(ledger, read_at=monday + timedelta(hours=hours)))
    qtbot.waitUntil(lambda: bool(notifier._notices))
    (shown,) = service.shown
    assert (shown.title, shown.body) == ("Your week: $1.00", "1 call, Nov 16 to Nov 22.")
    with qtbot.waitSignal(notifier.opened) as opened:
        service.press(shown.number, "open")
    assert opened.args == ["Review"]


def test_a_week_is_told_on_the_chosen_day(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, scribe: Scribe
) -> None:
    friday = datetime(2026, 11, 20, 14, tzinfo=UTC)
    scribe.write_call(NANO_PER_USD, at=friday)
    notifier = start(replace(Settings(), week_told_on=4))
    notifier.follow(reading(ledger, read_at=friday))
    for days in (3, 6):
        notifier.follow(reading(ledger, read_at=friday + timedelta(days=days)))
        assert notifier.told.week == "week of 2026-11-16"
    notifier.follow(reading(ledger, read_at=friday + timedelta(days=7)))
    qtbot.waitUntil(lambda: [one.title for one in service.shown] == ["Your week: $1.00"])


def test_a_service_without_buttons_is_given_none(qtbot: QtBot, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_notification_service(monkeypatch, capabilities=("body",)) as plain:
        notifier = start()
        notifier.tell_alerts([alert(1)])
        qtbot.waitUntil(lambda: bool(plain.shown))
        assert plain.shown[0].actions == ()
        notifier.stop()


def test_a_bus_that_goes_away_and_comes_back_is_used_again(
    qtbot: QtBot, start: Start, fallen: Fallen, monkeypatch: pytest.MonkeyPatch
) -> None:
    notifier = start()
    with running_notification_service(monkeypatch) as first:
        notifier.tell_alerts([alert(1)])
        qtbot.waitUntil(lambda: bool(first.shown))
    notifier.tell_alerts([alert(2, 90, cap="another")])
    qtbot.waitUntil(lambda: len(fallen) == 1)
    with running_notification_service(monkeypatch) as second:
        notifier.tell_alerts([alert(3, 95, cap="a third")])
        qtbot.waitUntil(lambda: bool(second.shown))
    assert len(fallen) == 1


def test_without_a_service_the_trays_own_message_is_used(
    qtbot: QtBot, start: Start, fallen: Fallen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    notifier = start()
    notifier.tell_alerts([alert(1)])
    qtbot.waitUntil(lambda: bool(fallen))
    assert fallen == [("Claude Code is at 80% this month", "$120.00 of $150.00.")]
    with qtbot.waitSignal(notifier.opened) as opened:
        notifier.open_last()
    assert opened.args == ["Caps"]


@pytest.mark.usefixtures("used_up")
@pytest.mark.parametrize(
    "settings",
    [
        replace(Settings(), notifications=False),
        replace(Settings(), notify_caps=False, notify_waiting=False, notify_meter=False, notify_week=False),
    ],
)
def test_nothing_is_told_when_switched_off(
    start: Start, service: NotificationService, ledger: Ledger, fallen: Fallen, settings: Settings
) -> None:
    notifier = start(settings)
    notifier.follow(reading(ledger, trouble="Another program uses port 8787."))
    notifier.tell_alerts([alert(80)])
    notifier.stop()
    assert (service.shown, fallen) == ([], [])


def test_what_was_told_and_cannot_be_read_is_forgotten(tmp_path: Path) -> None:
    assert load_told(tmp_path / "told.json") == Told()
    (tmp_path / "told.json").write_text('{"alert_id": []}')
    assert load_told(tmp_path / "told.json") == Told()


def test_alerts_from_before_are_told_after_the_last_that_was(qtbot: QtBot, ledger: Ledger, scribe: Scribe) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=10, time_zone="UTC"
    )
    scribe.write_call(9)
    feed = LedgerFeed(ledger, ZONE, told_until=0)
    try:
        with qtbot.waitSignal(feed.alerted) as told:
            feed.start()
    finally:
        feed.stop()
    assert told.args is not None
    assert [one.percent for one in told.args[0]] == [80]


@pytest.mark.end2end
def test_a_real_call_that_waits_is_approved_from_its_notification(
    qtbot: QtBot, qapp: QApplication, service: NotificationService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    tmp_path.chmod(0o700)
    provider = Provider(lambda _seen: chat_completion(10, 10))
    body = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 9_000, "messages": []}).encode()
    with provider.running(), meter(tmp_path, {"openai": provider.url}) as running, ThreadPoolExecutor(1) as pool:
        cap_store.add_cap(
            running.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=NANO_PER_CENT,
            time_zone="UTC",
        )  # fmt: skip
        desktop = Desktop(qapp, running.ledger, Settings(), FixedVault({}), keeps_meter=False)
        try:
            desktop.start()
            call = pool.submit(post, running, CHAT, body)
            qtbot.waitUntil(lambda: bool(desktop.notifier._notices))
            (shown,) = service.shown
            assert shown.labels == ["Approve once", "Refuse", "Open"]
            service.press(shown.number, "approve")
            qtbot.waitUntil(call.done)
            qtbot.waitUntil(lambda: service.withdrawn == [shown.number])
        finally:
            desktop.stop()
    assert call.result()[0] == 200


def test_a_loop_that_stops_nothing_is_told_with_what_repeats_and_can_be_stopped(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.note_loop(5, LoopLevel.ALERT)
    notifier = start()
    for _ in range(2):
        notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: bool(notifier._notices))
    (shown,) = service.shown
    assert (shown.title, shown.body) == (
        "Claude Code repeats itself", "Bash with the same arguments, failed 5 times, $1.90."
    )  # fmt: skip
    assert shown.labels == ["Stop", "Let it go on", "Open"]
    service.press(shown.number, "stop")
    qtbot.waitUntil(lambda: [one.session for one in list_stopped_sessions(ledger)] == ["s-1"])
    notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: service.withdrawn == [shown.number])


def test_a_loop_is_let_go_on_and_not_told_again_by_the_next_tray(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.note_loop(5, LoopLevel.ALERT)
    notifier = start()
    notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: bool(notifier._notices))
    service.press(service.shown[0].number, "let-go")
    qtbot.waitUntil(lambda: reading(ledger).loops[0].was_let_go)
    notifier.stop()
    again = start()
    again.follow(reading(ledger))
    scribe.note_loop(10, LoopLevel.PAUSE)
    scribe.ask(NANO_PER_USD, carries_results=True)
    again.follow(reading(ledger))
    qtbot.waitUntil(lambda: len(service.shown) == 2)
    asked = service.shown[1]
    assert (asked.title, asked.labels) == ("Claude Code repeats itself", ["Stop", "Let it go on", "Open"])
    assert asked.body == "Bash with the same arguments, failed 10 times, $1.90."
    qtbot.waitUntil(lambda: len(again._notices) == 1)
    service.press(asked.number, "approve")
    qtbot.waitUntil(lambda: approval_store.waiting(ledger) == [])


def test_loops_are_not_told_where_nobody_wants_it_and_wait_for_the_end_of_quiet_hours(
    qtbot: QtBot, start: Start, service: NotificationService, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.note_loop(5, LoopLevel.ALERT)
    start(replace(Settings(), notify_loops=False)).follow(reading(ledger))
    now = datetime.now(ZONE)
    later = now + timedelta(minutes=5)
    notifier = start(replace(Settings(), quiet_from=f"{now:%H:%M}", quiet_to=f"{later:%H:%M}"))
    notifier.told = Told()
    notifier.follow(reading(ledger))
    notifier.take_settings(Settings())
    notifier.follow(reading(ledger))
    qtbot.waitUntil(lambda: len(service.shown) == 1)


def test_a_teams_alert_names_the_team_and_is_remembered_by_its_place(
    qtbot: QtBot, start: Start, service: NotificationService, tmp_path: Path, ledger: Ledger
) -> None:
    notifier = start()
    notifier.follow(reading(ledger))
    place = "postgresql+psycopg://ann@db.example.com:5432/bursar"
    notifier.tell_team_alerts(TeamAlerts("payments", place, 4, (alert(3), alert(4, 100))))
    qtbot.waitUntil(lambda: len(service.shown) == 1)
    assert service.shown[0].title == "Team payments: Claude Code is at 100% this month"
    qtbot.waitUntil(lambda: load_told(tmp_path / "told.json").team_alert_id == 4)
    told = load_told(tmp_path / "told.json")
    assert (told.team_url, told.alert_id) == (place, None)


def test_a_teams_alert_waits_for_the_end_of_quiet_hours_and_is_not_told_where_caps_are_switched_off(
    qtbot: QtBot, start: Start, service: NotificationService, tmp_path: Path, ledger: Ledger
) -> None:
    night = datetime(2026, 11, 20, 23, tzinfo=UTC)
    notifier = start(replace(Settings(), quiet_from="22:00", quiet_to="07:00"))
    notifier.tell_team_alerts(TeamAlerts("payments", "u", 4, (alert(4, at=night),)))
    assert (notifier.told.team_alert_id or 0) == 0
    notifier.follow(reading(ledger, read_at=night + timedelta(hours=9)))
    qtbot.waitUntil(lambda: len(service.shown) == 1)
    assert notifier.told.team_alert_id == 4
    notifier.take_settings(replace(Settings(), notify_caps=False))
    notifier.tell_team_alerts(TeamAlerts("payments", "u", 5, (alert(5, cap="another"),)))
    assert notifier.told.team_alert_id == 5
    notifier.stop()
    assert len(service.shown) == 1
