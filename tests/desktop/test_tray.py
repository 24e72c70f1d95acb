from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window as CapWindow
from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.no_tray import HOW, START
from app.desktop.popover import Popover
from app.desktop.reading import read_snapshot
from app.desktop.tokens import DARK_PANEL, LIGHT_PANEL
from app.desktop.tray import Tray, panel_inks
from app.desktop.window import Window
from app.ledger import approval_store, cap_store, session_store
from app.ledger.engine import Ledger
from app.services.autostart import starts_at_login
from app.services.settings import TrayInk
from tests.desktop.conftest import ZONE, Scribe


@pytest.fixture
def tray(commands: Commands, theme: object) -> Iterator[Tray]:
    popover = Popover(commands)
    made = Tray(commands, popover)
    yield made
    commands._tasks.stop()
    made.icon.hide()
    destroy(popover, made.menu, made)


def show(tray: Tray, ledger: Ledger) -> None:
    tray.show_snapshot(read_snapshot(ledger, datetime.now(UTC), ZONE))
    tray.fill_menu()


def lines(menu: QMenu) -> list[str]:
    return ["—" if action.isSeparator() else action.text() for action in menu.actions()]


def item(menu: QMenu, words: str) -> QAction:
    return next(action for action in menu.actions() if words in action.text())


def under(menu: QMenu, words: str) -> QMenu:
    inner = item(menu, words).menu()
    assert isinstance(inner, QMenu)
    return inner


def test_the_menu_is_enough_alone(tray: Tray, ledger: Ledger, scribe: Scribe) -> None:
    scribe.write_call(NANO_PER_USD)
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.DAY, limit_nano_usd=NANO_PER_USD,
        time_zone="UTC",
    )  # fmt: skip
    scribe.ask(380_000_000)
    show(tray, ledger)
    assert lines(tray.menu) == [
        "$1.00 today, $1.00 this month", "Claude Code waits: needs up to $0.38", "—", "Open Bursar", "Pause everything",
        "Stop", "—", "Settings…", "Quit tray (the meter goes on)", "Quit and stop the meter",
    ]  # fmt: skip
    assert not tray.menu.actions()[0].isEnabled()
    assert tray.icon.toolTip() == "Bursar: 1 agent waits for your answer."
    answers = under(tray.menu, "Claude Code waits")
    assert lines(answers) == ["Approve once", "Approve for this session", "Raise cap…", "Refuse"]


def test_a_waiting_call_is_approved_from_the_menu(qtbot: QtBot, tray: Tray, ledger: Ledger, scribe: Scribe) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.DAY, limit_nano_usd=1, time_zone="UTC"
    )
    scribe.ask(NANO_PER_USD)
    show(tray, ledger)
    item(under(tray.menu, "waits"), "Approve once").trigger()
    qtbot.waitUntil(lambda: approval_store.waiting(ledger) == [])


def test_running_sessions_are_stopped_from_the_menu_and_let_go_on(
    qtbot: QtBot, tray: Tray, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call(NANO_PER_USD)
    scribe.write_call(NANO_PER_USD // 2, tags=Tags(agent="R&D", task="checkout", session="s-2"))
    scribe.write_call(1, tags=Tags(agent="no session"))
    show(tray, ledger)
    stop = under(tray.menu, "Stop")
    assert lines(stop) == ["Claude Code, migrate invoices: $1.00", "R&&D, checkout: $0.50"]
    stop.actions()[1].trigger()
    qtbot.waitUntil(lambda: [one.session for one in session_store.list_stopped_sessions(ledger)] == ["s-2"])
    show(tray, ledger)
    item(under(tray.menu, "Stop"), "Let it go on: R&&D").trigger()
    qtbot.waitUntil(lambda: session_store.list_stopped_sessions(ledger) == [])


def test_without_anything_running_there_is_nothing_to_stop(tray: Tray, ledger: Ledger, scribe: Scribe) -> None:
    show(tray, ledger)
    assert "Stop" not in lines(tray.menu)


def test_the_ink_is_chosen_and_drawn_at_once(tray: Tray) -> None:
    assert panel_inks(TrayInk.LIGHT) is DARK_PANEL
    assert panel_inks(TrayInk.DARK) is LIGHT_PANEL
    before = tray.icon.icon().pixmap(22, 22).toImage()
    tray.choose_ink(TrayInk.DARK)
    assert tray.icon.icon().pixmap(22, 22).toImage() != before


def test_a_desktop_without_a_tray_is_told_what_to_do(
    qtbot: QtBot, window: Window, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    entry = tmp_path / "xdg" / "autostart" / "bursar.desktop"
    notice = window.no_tray
    notice.tell_missing()
    assert notice.words.startswith("This desktop has no tray.")
    qtbot.waitUntil(notice.buttons[START].isVisible)
    QTest.mouseClick(notice.buttons[HOW], Qt.MouseButton.LeftButton)
    assert notice.dialog is not None
    notice.dialog.reject()
    QTest.mouseClick(notice.buttons[START], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Bursar starts when you log in." in notice.words)
    assert starts_at_login(entry)
    assert not notice.buttons[START].isVisible()
    notice.tell_missing()
    qtbot.waitUntil(lambda: not notice.buttons[START].isVisible())
