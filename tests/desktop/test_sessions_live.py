"""The Sessions page beside a real meter: a call arrives within a second of its end, and a stop and a pause hold."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.desktop.application import Desktop
from app.desktop.models.session_view import SessionState
from app.desktop.pages.sessions import SessionsPage
from app.keys.vault import FixedVault
from app.services.settings import Settings
from tests.desktop.test_sessions import choose, names
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end
BODY = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 900, "messages": []}).encode()


def test_a_call_arrives_within_a_second_and_a_stopped_session_is_refused_and_a_paused_one_waits(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURSAR_HOME", str(tmp_path))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    provider = Provider(lambda _seen: chat_completion(1_000, 50))
    with provider.running(), meter(tmp_path, {"openai": provider.url}) as running:
        desktop = Desktop(qapp, running.ledger, Settings(), FixedVault({}), keeps_meter=False)
        try:
            desktop.start(opens_window=True)
            desktop.window.open_page("Sessions")
            page = desktop.window.sessions
            qtbot.waitUntil(lambda: page.list.shelf.seen is not None)
            assert call(running, "job-1") == 200
            arrives(qtbot, lambda: names(page) == ["job-1"])
            assert call(running, "job-2") == 200
            arrives(qtbot, lambda: names(page) == ["job-2", "job-1"])
            choose(page, 1)
            QTest.keyClick(page.list.table, Qt.Key.Key_S)
            qtbot.waitUntil(lambda: states(page) == {"job-1": SessionState.STOPPED, "job-2": SessionState.RUNNING})
            refused(qtbot, running, "job-1")
            assert call(running, "job-2") == 200
            assert len(provider.seen) == 3
            QTest.keyClick(page.list.table, Qt.Key.Key_P)
            qtbot.waitUntil(lambda: states(page)["job-1"] is SessionState.RUNNING)
            assert call(running, "job-1") == 200
            QTest.keyClick(page.list.table, Qt.Key.Key_P)
            qtbot.waitUntil(lambda: states(page)["job-1"] is SessionState.PAUSED)
            with ThreadPoolExecutor(1) as pool:
                waits = pool.submit(call, running, "job-1")
                assert call(running, "job-2") == 200
                assert not waits.done()
                QTest.mouseClick(page.orders.pause_button, Qt.MouseButton.LeftButton)
                qtbot.waitUntil(waits.done)
                assert waits.result() == 200
            page.show_session(page.list.rows.value(1).session.id)
            qtbot.waitUntil(lambda: page.calls.rows.rowCount() >= 3)
            ends = [page.calls.rows.value(row).call.error_type for row in range(page.calls.rows.rowCount())]
            assert "stopped" in ends
        finally:
            desktop.stop()


def call(running: RunningMeter, session: str) -> int:
    return post(running, CHAT, BODY, headers={"x-bursar-session": session})[0]


def arrives(qtbot: QtBot, is_there: Callable[[], bool]) -> None:
    began = time.monotonic()
    qtbot.waitUntil(is_there)
    assert time.monotonic() - began < 1


def refused(qtbot: QtBot, running: RunningMeter, session: str) -> None:
    """The meter reads the stop with the call's own admission, so the very next one is refused."""
    assert call(running, session) >= 400


def states(page: SessionsPage) -> dict[str, SessionState]:
    rows = (page.list.rows.value(row) for row in range(page.list.rows.rowCount()))
    return {row.session.id.session: row.state for row in rows}
