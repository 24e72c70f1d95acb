from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox
from pytestqt.qtbot import QtBot

from app.core.caps import Action, Cap, Hold, Mode
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window as CapWindow
from app.desktop.pages.key_dialogs import ConfirmDialog
from app.desktop.pages.virtual_key_dialogs import NewKeyDialog, ShowKeyDialog
from app.desktop.window import Window
from app.keys.virtual_keys import looks_like_virtual_key
from app.ledger import approval_store, cap_store, key_store
from app.ledger.engine import Ledger
from tests.desktop.conftest import Scribe


def cap_on_billing(ledger: Ledger, limit: int = 10 * NANO_PER_USD) -> Cap:
    return cap_store.add_cap(
        ledger,
        scope=Scope.PROJECT,
        scope_key="billing-api",
        window=CapWindow.DAY,
        limit_nano_usd=limit,
        time_zone="UTC",
    )


def test_an_empty_ledger_says_what_to_do(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    qtbot.waitUntil(lambda: window.overview._empty.isVisible() and not window.overview._full.isVisible())
    window.open_page("Approvals")
    assert window.approvals.group_rows() == []


def test_a_cap_is_added_by_keyboard(qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe) -> None:
    scribe.write_call()
    window.open_page("Caps")
    window.caps.create_new()
    editor = window.caps.editor
    assert editor is not None
    editor.scope.setFocus()
    QTest.keyClick(editor.scope, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: editor.scope_key.findText("billing-api") >= 0)
    line = editor.scope_key.lineEdit()
    assert line is not None
    line.selectAll()
    QTest.keyClicks(line, "billing-api")
    QTest.keyClicks(editor.limit, "2.50")
    QTest.keyClick(editor.limit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(cap_store.list_caps(ledger)) == 1)
    cap = cap_store.list_caps(ledger)[0]
    assert (cap.scope, cap.scope_key, cap.window) == (Scope.PROJECT, "billing-api", CapWindow.MONTH)
    assert (cap.limit_nano_usd, cap.action, cap.alert_percents) == (2_500_000_000, Action.PAUSE, (80,))
    qtbot.waitUntil(lambda: len(window.caps.rows()) == 1)
    assert window.caps.rows()[0].view.name == "billing-api, this month"


def test_a_cap_is_tried_on_this_month_before_it_is_set(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    for _ in range(3):
        scribe.write_call(3 * NANO_PER_USD)
    window.open_page("Caps")
    window.caps.create_new()
    editor = window.caps.editor
    assert editor is not None
    qtbot.waitUntil(lambda: editor.preview.words == "Write a limit to see what it would have stopped.")
    QTest.keyClicks(editor.limit, "4")
    stopped = "This month so far it would have stopped once, holding back $6.00."
    qtbot.waitUntil(lambda: editor.preview.words == stopped)
    QTest.keyClicks(editor.limit, "00")
    qtbot.waitUntil(lambda: editor.preview.words == "This month so far it would have stopped nothing.")
    editor.scope.setCurrentIndex(editor.scope.findData(Scope.PROJECT))
    editor.scope_key.setCurrentText("nobody has this one")
    qtbot.waitUntil(lambda: editor.preview.words == "No history to try it on.")
    editor.reject()


def test_a_wrong_limit_and_a_second_same_cap_are_told_in_the_editor(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.MONTH, limit_nano_usd=1, time_zone="UTC"
    )
    window.caps.create_new()
    editor = window.caps.editor
    assert editor is not None
    editor.limit.setText("nothing")
    QTest.mouseClick(editor.save_button, Qt.MouseButton.LeftButton)
    assert "A limit is an amount above $0" in editor.error.text
    editor.limit.setText("5")
    QTest.mouseClick(editor.save_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Another cap already does this" in editor.error.text)
    assert editor.isVisible()
    editor.reject()


def test_a_removed_cap_comes_back_by_undo(qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe) -> None:
    cap_on_billing(ledger)
    window.open_page("Caps")
    qtbot.waitUntil(lambda: len(window.caps.rows()) == 1)
    QTest.keyClick(window.caps.rows()[0], Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: window.caps.undo.isVisible() and not cap_store.list_caps(ledger))
    QTest.mouseClick(window.caps.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(cap_store.list_caps(ledger)) == 1)


def test_editing_shows_the_cap_and_warns_below_what_is_spent(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    cap_on_billing(ledger)
    scribe.write_call(3 * NANO_PER_USD)
    window.open_page("Caps")
    qtbot.waitUntil(lambda: bool(window.caps.rows()) and window.caps.rows()[0].view.status.spent_nano_usd > 0)
    QTest.keyClick(window.caps.rows()[0], Qt.Key.Key_Return)
    editor = window.caps.editor
    assert editor is not None
    assert editor.limit.text() == "10"
    editor.limit.setText("2")
    assert "Less than spent already ($3.00)" in editor._limit_words.text()
    editor.save()
    qtbot.waitUntil(lambda: cap_store.list_caps(ledger)[0].limit_nano_usd == 2 * NANO_PER_USD)


def test_a_waiting_call_is_refused_by_key_on_its_row(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    cap_on_billing(ledger, NANO_PER_USD)
    scribe.ask(2 * NANO_PER_USD)
    window.open_page("Approvals")
    qtbot.waitUntil(lambda: len(window.approvals.group_rows()) == 1)
    detail = window.approvals.detail
    assert detail is not None
    qtbot.waitUntil(lambda: detail.answers.refuse_button.is_armed)
    QTest.keyClick(window.approvals.group_rows()[0], Qt.Key.Key_X)
    qtbot.waitUntil(lambda: approval_store.waiting(ledger) == [])
    assert approval_store.answered(ledger)[0].state is approval_store.ApprovalState.REFUSED
    qtbot.waitUntil(lambda: window.approvals.group_rows() == [])


def test_a_key_is_issued_shown_once_and_revoked(qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe) -> None:
    window.open_page("Keys")
    QTest.mouseClick(window.keys.new_button, Qt.MouseButton.LeftButton)
    asked = window.keys.dialog
    assert isinstance(asked, NewKeyDialog)
    QTest.mouseClick(asked.create_button, Qt.MouseButton.LeftButton)
    assert "A key needs a name" in asked.error.text
    QTest.keyClicks(asked.name, "codex")
    QTest.keyClicks(asked.project, "web-shop")
    QTest.keyClick(asked.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: isinstance(window.keys.dialog, ShowKeyDialog))
    shown = window.keys.dialog
    assert isinstance(shown, ShowKeyDialog)
    assert looks_like_virtual_key(shown.value.text())
    shown.accept()
    qtbot.waitUntil(lambda: window.keys.key_rows.rowCount() == 1)
    assert window.keys.key_rows.value(0).tags.project == "web-shop"
    window.keys.key_table.selectRow(0)
    QTest.mouseClick(window.keys.revoke_button, Qt.MouseButton.LeftButton)
    confirm = window.keys.dialog
    assert isinstance(confirm, ConfirmDialog)
    QTest.mouseClick(confirm.confirm_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: key_store.list_keys(ledger) == [])
    qtbot.waitUntil(lambda: window.keys.key_rows.rowCount() == 0)


def test_settings_take_effect_at_once_and_a_wrong_port_is_told(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    window.open_page("Settings")
    with qtbot.waitSignal(window.settings.changed) as told:
        window.settings.gateway_port.setText("9090")
        window.settings.gateway_port.editingFinished.emit()
    assert told.args is not None
    assert told.args[0].gateway_port == 9090
    window.settings.forward_port.setText("99999")
    window.settings.forward_port.editingFinished.emit()
    assert "Not a port" in window.settings.error.text


def test_pages_open_by_key(qtbot: QtBot, window: Window) -> None:
    window.activateWindow()
    QTest.keyClick(window, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.page_name == "Keys")


def test_dialog_buttons_follow_the_desktops_order(qtbot: QtBot, window: Window) -> None:
    window.caps.create_new()
    editor = window.caps.editor
    assert editor is not None
    assert isinstance(editor.save_button.parent(), QDialogButtonBox)
    editor.reject()


def test_editing_keeps_what_the_editor_does_not_ask_for(qtbot: QtBot, window: Window, ledger: Ledger) -> None:
    cap = replace(cap_on_billing(ledger), hold=Hold.LEARNED, mode=Mode.OBSERVE, week_start=6)
    cap_store.update_cap(ledger, cap)
    window.open_page("Caps")
    qtbot.waitUntil(lambda: bool(window.caps.rows()) and window.caps.rows()[0].view.status.cap.hold is Hold.LEARNED)
    QTest.keyClick(window.caps.rows()[0], Qt.Key.Key_Return)
    editor = window.caps.editor
    assert editor is not None
    editor.limit.setText("12")
    editor.save()
    qtbot.waitUntil(lambda: cap_store.list_caps(ledger) == [replace(cap, limit_nano_usd=12 * NANO_PER_USD)])


def test_the_running_window_of_a_cap_is_raised_from_its_row(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.DAY, limit_nano_usd=NANO_PER_USD, time_zone="UTC"
    )
    scribe.write_call()
    window.open_page("Caps")
    qtbot.waitUntil(lambda: bool(window.caps.rows()) and window.caps.rows()[0].view.status.spent_nano_usd > 0)
    row = window.caps.rows()[0]
    (chosen,) = (action for action in row._menu().actions() if action.text() == "Raise…")
    chosen.trigger()
    raiser = window.caps.raiser
    assert raiser is not None
    raiser.form.amount.setText("3")
    QTest.keyClick(raiser.form, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.caps.rows()[0].view.status.limit_nano_usd == 3 * NANO_PER_USD)
    assert not raiser.isVisible()
    assert cap_store.list_caps(ledger)[0].limit_nano_usd == NANO_PER_USD
