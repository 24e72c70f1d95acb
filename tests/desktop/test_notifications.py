from datetime import UTC, datetime

import pytest
from pytestqt.qtbot import QtBot

from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.desktop.models.chart_range import ChartRange
from app.desktop.notifications import Notifier
from app.desktop.reading import read_snapshot
from app.desktop.tasks import Tasks
from app.ledger import cap_store
from app.ledger.alert_store import Alert
from app.ledger.engine import Ledger
from tests.desktop.conftest import ZONE, Scribe

Shown = list[tuple[str, str]]


def alert(percent: int) -> Alert:
    usd = NANO_PER_USD
    return Alert(1, "c", "Claude Code, this month", "2026-11", percent, 120 * usd, 150 * usd, datetime.now(UTC))


@pytest.fixture
def shown() -> Shown:
    return []


@pytest.fixture
def notifier(tasks: Tasks, shown: Shown, monkeypatch: pytest.MonkeyPatch) -> Notifier:
    """One on a desktop without a session bus, where the tray's own message is what is left."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    return Notifier(tasks, lambda title, body: shown.append((title, body)), is_on=True)


def test_an_alert_is_told_in_words(qtbot: QtBot, notifier: Notifier, shown: Shown) -> None:
    notifier.tell_alerts([alert(50), alert(80)])
    qtbot.waitUntil(lambda: bool(shown))
    assert shown == [("Claude Code, this month is at 80%", "$120.00 of $150.00.")]


def test_waiting_calls_are_told_once(
    qtbot: QtBot, notifier: Notifier, shown: Shown, ledger: Ledger, scribe: Scribe
) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=1, time_zone="UTC"
    )
    scribe.ask(NANO_PER_USD)
    for _ in range(2):
        notifier.tell_waiting(read_snapshot(ledger, datetime.now(UTC), ZONE, ChartRange.LIVE))
    qtbot.waitUntil(lambda: bool(shown))
    scribe.ask(NANO_PER_USD, tags=Tags(agent="Codex", session="s-2"))
    notifier.tell_waiting(read_snapshot(ledger, datetime.now(UTC), ZONE, ChartRange.LIVE))
    qtbot.waitUntil(lambda: len(shown) == 2)
    assert [title for title, _ in shown] == ["Claude Code waits for you", "2 calls wait in 2 sessions"]
    assert shown[0][1] == "Everything, today has too little left. Next call: up to $1.00."


def test_nothing_is_told_when_switched_off(notifier: Notifier, shown: Shown, tasks: Tasks) -> None:
    notifier.is_on = False
    notifier.tell_alerts([alert(80)])
    tasks.stop()
    assert shown == []
