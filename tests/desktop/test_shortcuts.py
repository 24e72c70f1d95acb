"""Every key of the list does what it says. Those of sessions and of calls that wait are pressed in their own tests."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.core.money import NANO_PER_USD
from app.desktop.models.key_words import SECTIONS
from app.desktop.pages.key_list import shown_keys
from app.desktop.pages.price_dialogs import OwnPriceDialog
from app.desktop.pages.virtual_key_dialogs import NewKeyDialog
from app.desktop.window import Window
from app.ledger import cap_store, meter_state
from app.ledger.engine import Ledger
from tests.desktop.conftest import Scribe
from tests.desktop.test_window import cap_on_billing

CTRL, SHIFT, NONE = (
    Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
)  # fmt: skip


def press(qtbot: QtBot, window: Window, key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    """A key in whichever window has the focus."""
    window.activateWindow()
    qtbot.waitUntil(lambda: QGuiApplication.focusWindow() is not None)
    QTest.keyClick(QGuiApplication.focusWindow(), key, modifiers)


def test_digits_and_the_comma_open_pages(qtbot: QtBot, window: Window) -> None:
    for number, name in enumerate(window.pages, start=1):
        press(qtbot, window, Qt.Key(Qt.Key.Key_0 + number), CTRL)
        assert window.page_name == name
    press(qtbot, window, Qt.Key.Key_Comma, CTRL)
    assert window.page_name == "Settings"


def test_n_asks_for_what_the_page_holds(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    window.open_page("Caps")
    press(qtbot, window, Qt.Key.Key_N, CTRL)
    assert window.caps.editor is not None
    assert window.caps.editor.isVisible()
    window.caps.editor.reject()
    window.open_page("Keys")
    press(qtbot, window, Qt.Key.Key_N, CTRL)
    assert isinstance(window.keys.dialog, NewKeyDialog)
    window.keys.dialog.reject()
    window.open_page("Prices")
    press(qtbot, window, Qt.Key.Key_N, CTRL)
    assert isinstance(window.prices.dialog, OwnPriceDialog)
    window.prices.dialog.reject()


def test_f_and_the_slash_search_and_a_slash_can_be_typed(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    scribe.write_call()
    window.open_page("Sessions")
    qtbot.waitUntil(lambda: window.sessions.list.rows.rowCount() == 1)
    press(qtbot, window, Qt.Key.Key_F, CTRL)
    assert window.sessions.list.search.hasFocus()
    press(qtbot, window, Qt.Key.Key_Slash)
    assert window.sessions.list.search.text() == "/"
    window.open_page("Prices")
    qtbot.waitUntil(lambda: window.prices.rows.rowCount() > 0)
    window.prices.table.setFocus()
    press(qtbot, window, Qt.Key.Key_Slash)
    assert window.prices.search.hasFocus()
    window.prices.table.setFocus()
    press(qtbot, window, Qt.Key.Key_F, CTRL)
    assert window.prices.search.hasFocus()
    window.prices.search.setText("gpt")
    press(qtbot, window, Qt.Key.Key_Escape)
    assert window.prices.search.text() == ""


def test_the_ledger_is_read_again(qtbot: QtBot, window: Window) -> None:
    for key, modifiers in ((Qt.Key.Key_F5, NONE), (Qt.Key.Key_R, CTRL)):
        with qtbot.waitSignal(window.refreshed):
            press(qtbot, window, key, modifiers)


def test_a_row_is_copied_and_a_removal_undone(qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe) -> None:
    window.open_page("Prices")
    qtbot.waitUntil(lambda: window.prices.rows.rowCount() > 0)
    window.prices.table.selectRow(0)
    window.prices.table.setFocus()
    press(qtbot, window, Qt.Key.Key_C, CTRL)
    copied = QGuiApplication.clipboard().text().split("\t")
    assert copied[0] == window.prices.rows.value(0).model
    assert len(copied) == window.prices.rows.columnCount()
    cap_on_billing(ledger)
    window.open_page("Caps")
    qtbot.waitUntil(lambda: len(window.caps.rows()) == 1)
    window.caps.rows()[0].setFocus()
    qtbot.waitUntil(lambda: window.caps.rows()[0].hasFocus())
    press(qtbot, window, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: window.caps.undo.isVisible() and not cap_store.list_caps(ledger))
    press(qtbot, window, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: len(cap_store.list_caps(ledger)) == 1)


def test_everything_is_paused_from_any_page(qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe) -> None:
    scribe.write_call(NANO_PER_USD)
    window.open_page("Overview")
    qtbot.waitUntil(lambda: not window.overview.is_empty)
    press(qtbot, window, Qt.Key.Key_P, CTRL | SHIFT)
    qtbot.waitUntil(lambda: meter_state.is_paused(ledger))
    window.open_page("Caps")
    qtbot.waitUntil(lambda: window.caps.pause_button.text() == "Resume everything")
    window.open_page("Doctor")
    press(qtbot, window, Qt.Key.Key_P, CTRL | SHIFT)
    qtbot.waitUntil(lambda: not meter_state.is_paused(ledger))


def test_the_graph_becomes_a_table(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    scribe.write_call()
    window.open_page("Overview")
    qtbot.waitUntil(lambda: window.overview.chart.isVisible())
    press(qtbot, window, Qt.Key.Key_T)
    assert not window.overview.chart.isVisible()
    press(qtbot, window, Qt.Key.Key_T)
    assert window.overview.chart.isVisible()


def test_the_question_mark_lists_every_key(qtbot: QtBot, window: Window) -> None:
    press(qtbot, window, Qt.Key.Key_Question, SHIFT)
    assert window.key_list is not None
    assert window.key_list.isVisible()
    said = {label.text() for label in window.key_list.findChildren(QLabel)}
    assert {shown_keys(line) for lines in SECTIONS.values() for line in lines} <= said
    assert "Ctrl+F or /" in said
    press(qtbot, window, Qt.Key.Key_Escape)
    window.key_list.reject()
