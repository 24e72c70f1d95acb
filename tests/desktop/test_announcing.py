"""What is said aloud, asked at the door to the screen reader: Qt tells nobody else of an announcement."""

from dataclasses import replace

import pytest
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QAccessibleEvent
from pytestqt.qtbot import QtBot

from app.core.money import NANO_PER_USD
from app.desktop import announcing
from app.desktop.window import Window
from app.ledger.engine import Ledger
from tests.desktop.conftest import Scribe
from tests.desktop.test_window import cap_on_billing

POLITE, ASSERTIVE = QAccessible.AnnouncementPoliteness.Polite, QAccessible.AnnouncementPoliteness.Assertive


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, object]]:
    """Everything said aloud since."""
    heard: list[tuple[str, object]] = []

    class Reader:
        AnnouncementPoliteness = QAccessible.AnnouncementPoliteness

        @staticmethod
        def updateAccessibility(event: QAccessibleEvent) -> None:
            assert isinstance(event, QAccessibleAnnouncementEvent)
            heard.append((event.message(), event.politeness()))

    monkeypatch.setattr(announcing, "QAccessible", Reader)
    return heard


def test_a_call_that_waits_is_said_once_and_at_once(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe, said: list[tuple[str, object]]
) -> None:
    cap_on_billing(ledger, NANO_PER_USD)
    window.open_page("Approvals")
    qtbot.waitUntil(lambda: window._snapshot is not None and bool(window._snapshot.caps))
    scribe.ask(2 * NANO_PER_USD)
    words = "Claude Code waits for you. billing-api, today. The next call: up to $2.00."
    qtbot.waitUntil(lambda: said == [(words, ASSERTIVE)])
    scribe.write_call()
    qtbot.waitUntil(lambda: window._snapshot is not None and bool(window._snapshot.calls))
    assert len(said) == 1


def test_an_undo_is_said_politely(qtbot: QtBot, window: Window, said: list[tuple[str, object]]) -> None:
    window.caps.undo.offer("Cap removed.", lambda: None)
    assert said == [("Cap removed. Undo is offered.", POLITE)]


def test_the_meter_is_said_to_be_gone_and_back(
    qtbot: QtBot, window: Window, scribe: Scribe, said: list[tuple[str, object]]
) -> None:
    qtbot.waitUntil(lambda: window._snapshot is not None)
    seen = window._snapshot
    assert seen is not None
    for trouble in ("Another program uses port 8787.", "Another program uses port 8787.", ""):
        window.show_snapshot(replace(seen, trouble=trouble))
    gone = ("The meter is not running. Another program uses port 8787.", ASSERTIVE)
    assert said == [gone, ("The meter runs again.", ASSERTIVE)]
