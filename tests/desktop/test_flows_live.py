"""What people come for, each once by keyboard alone and once by mouse, before a real ledger file and a real meter."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.core.tags import Scope
from app.desktop.application import Desktop
from app.desktop.models.session_view import SessionState
from app.desktop.pages.key_dialogs import ConfirmDialog
from app.desktop.pages.virtual_key_dialogs import NewKeyDialog, ShowKeyDialog
from app.keys.vault import FixedVault
from app.ledger import cap_store, key_store
from app.ledger.approval_store import ApprovalState, answered
from app.services.settings import Settings
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end
BODY = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 900, "messages": []}).encode()
KEYBOARD, MOUSE = "keyboard", "mouse"
both = pytest.mark.parametrize("by", [KEYBOARD, MOUSE])


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(1_000, 50)).running() as running:
        yield running


@pytest.fixture(scope="module")
def running(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMeter]:
    home = tmp_path_factory.mktemp("home")
    with meter(home, {"openai": provider.url}) as made:
        yield made


@pytest.fixture
def desktop(
    qtbot: QtBot, qapp: QApplication, running: RunningMeter, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desktop]:
    monkeypatch.setenv("BURSAR_HOME", str(running.home))
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")
    made = Desktop(qapp, running.ledger, Settings(), FixedVault({}), keeps_meter=False)
    made.start(opens_window=True)
    qtbot.waitUntil(lambda: made.window._snapshot is not None)
    made.window.activateWindow()
    yield made
    made.stop()
    for cap in cap_store.list_caps(running.ledger):
        cap_store.remove_cap(running.ledger, cap.cap_id)


def press(part: QWidget, by: str) -> None:
    """A click, or Space where the keyboard stands."""
    if by == MOUSE:
        QTest.mouseClick(part, Qt.MouseButton.LeftButton)
    else:
        part.setFocus()
        QTest.keyClick(part, Qt.Key.Key_Space)


def create(desktop: Desktop, by: str, new: QPushButton) -> None:
    """Ctrl+N, or the page's button."""
    if by == MOUSE:
        QTest.mouseClick(new, Qt.MouseButton.LeftButton)
    else:
        QTest.keyClick(desktop.window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)


def open_page(desktop: Desktop, name: str, by: str) -> None:
    """Its number, or its place in the sidebar."""
    pages = list(desktop.window.pages)
    if by == KEYBOARD:
        number = Qt.Key(Qt.Key.Key_1 + pages.index(name))
        QTest.keyClick(desktop.window, number, Qt.KeyboardModifier.ControlModifier)
    else:
        items = desktop.window.sidebar.findChildren(QWidget)
        item = next(one for one in items if one.accessibleName().startswith(name) and one.isVisible())
        QTest.mouseClick(item, Qt.MouseButton.LeftButton)
    assert desktop.window.page_name == name


def call(running: RunningMeter, session: str, token: str = "") -> int:
    running = replace(running, token=token) if token else running
    return post(running, CHAT, BODY, headers={"x-bursar-session": session})[0]


def within_a_second(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    qtbot.waitUntil(condition)
    assert time.monotonic() - began < 1


def states(desktop: Desktop) -> dict[str, SessionState]:
    rows = desktop.window.sessions.list.rows
    return {rows.value(row).session.id.session: rows.value(row).state for row in range(rows.rowCount())}


@both
def test_a_cap_is_set_a_call_waits_and_is_approved_in_the_popover(
    qtbot: QtBot, desktop: Desktop, running: RunningMeter, by: str
) -> None:
    session = f"capped by {by}"
    open_page(desktop, "Caps", by)
    create(desktop, by, desktop.window.caps.add_button)
    editor = desktop.window.caps.editor
    assert editor is not None
    qtbot.waitUntil(editor.isVisible)
    editor.scope.setCurrentIndex(editor.scope.findData(Scope.EVERYTHING))
    editor.limit.selectAll()
    QTest.keyClicks(editor.limit, "0.001")
    if by == MOUSE:
        QTest.mouseClick(editor.save_button, Qt.MouseButton.LeftButton)
    else:
        QTest.keyClick(editor.limit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(cap_store.list_caps(running.ledger)) == 1)
    desktop.popover.show()
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(call, running, session)
        qtbot.waitUntil(lambda: len(desktop.popover.bands()) == 1)
        band = desktop.popover.bands()[0]
        qtbot.waitUntil(lambda: band.answers.approve_button.is_armed)
        assert not waits.done()
        if by == MOUSE:
            QTest.mouseClick(band.answers.approve_button, Qt.MouseButton.LeftButton)
        else:
            QTest.keyClick(band, Qt.Key.Key_A)
        qtbot.waitUntil(waits.done)
        assert waits.result() == 200
    assert answered(running.ledger)[0].state is ApprovalState.APPROVED
    qtbot.waitUntil(lambda: desktop.popover.bands() == [])


@both
def test_a_call_shows_within_a_second_of_its_end_and_its_session_is_stopped(
    qtbot: QtBot, desktop: Desktop, running: RunningMeter, provider: Provider, by: str
) -> None:
    session = f"stopped by {by}"
    open_page(desktop, "Sessions", by)
    page = desktop.window.sessions
    qtbot.waitUntil(lambda: page.list.shelf.seen is not None)
    assert call(running, session) == 200
    within_a_second(qtbot, lambda: states(desktop).get(session) is SessionState.RUNNING)
    place = list(states(desktop)).index(session)
    table = page.list.table
    if by == MOUSE:
        index = page.list.rows.index(place, 0)
        QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(index).center())
        press(page.orders.stop_button, by)
    else:
        table.setFocus()
        table.selectRow(place)
        QTest.keyClick(table, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: states(desktop)[session] is SessionState.STOPPED)
    sent = len(provider.seen)
    assert call(running, session) >= 400
    assert len(provider.seen) == sent


@both
def test_a_key_is_issued_used_and_revoked(
    qtbot: QtBot, desktop: Desktop, running: RunningMeter, provider: Provider, by: str
) -> None:
    open_page(desktop, "Keys", by)
    page = desktop.window.keys
    create(desktop, by, page.new_button)
    asked = page.dialog
    assert isinstance(asked, NewKeyDialog)
    QTest.keyClicks(asked.name, f"held by {by}")
    if by == MOUSE:
        QTest.mouseClick(asked.create_button, Qt.MouseButton.LeftButton)
    else:
        QTest.keyClick(asked.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: isinstance(page.dialog, ShowKeyDialog))
    shown = page.dialog
    assert isinstance(shown, ShowKeyDialog)
    token = shown.value.text()
    assert call(running, "", token) == 200
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    names = [key.name for key in key_store.list_keys(running.ledger)]
    qtbot.waitUntil(lambda: page.key_rows.rowCount() == len(names))
    desktop.window.activateWindow()
    page.key_table.setFocus()
    qtbot.waitUntil(page.key_table.hasFocus)
    place = [page.key_rows.value(row).name for row in range(len(names))].index(f"held by {by}")
    page.key_table.selectRow(place)
    if by == MOUSE:
        QTest.mouseClick(page.revoke_button, Qt.MouseButton.LeftButton)
    else:
        QTest.keyClick(page.key_table, Qt.Key.Key_Delete)
    confirm = page.dialog
    assert isinstance(confirm, ConfirmDialog)
    press(confirm.confirm_button, by)
    qtbot.waitUntil(lambda: page.key_rows.rowCount() == len(names) - 1)
    sent = len(provider.seen)
    assert call(running, "", token) == 401
    assert len(provider.seen) == sent
