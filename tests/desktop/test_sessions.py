"""The Sessions page driven as a person would, by keyboard and mouse, on a real ledger file."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.core.history import LoggedCall, LogSource
from app.core.money import NANO_PER_USD
from app.core.origin import Origin, RequestClass
from app.core.tags import Scope, Tags
from app.core.windows import Window as CapWindow
from app.desktop.models.session_view import SessionState
from app.desktop.pages.sessions import SessionsPage
from app.desktop.widgets.session_table import fold_place
from app.desktop.window import Window
from app.ledger import cap_store, session_store
from app.ledger.engine import Ledger
from app.ledger.imported_calls import store_calls
from tests.desktop.conftest import Scribe

EXPLORE = Origin(RequestClass.SUB_AGENT, "a1", "", "Explore")
TITLE = Origin(RequestClass.TITLE)


def tags(session: str, agent: str = "Claude Code", task: str = "", project: str = "billing-api") -> Tags:
    return Tags(project=project, agent=agent, task=task or f"task {session}", session=session)


def opened(qtbot: QtBot, window: Window, count: int) -> SessionsPage:
    window.open_page("Sessions")
    page = window.sessions
    qtbot.waitUntil(lambda: page.list.rows.rowCount() == count)
    return page


def names(page: SessionsPage) -> list[str]:
    return [page.list.rows.value(row).name for row in range(page.list.rows.rowCount())]


def choose(page: SessionsPage, row: int) -> None:
    page.list.table.setFocus()
    page.list.table.selectRow(row)


def test_an_empty_ledger_says_what_to_do_and_a_filter_that_nothing_matches_can_be_cleared(
    qtbot: QtBot, window: Window, scribe: Scribe
) -> None:
    window.open_page("Sessions")
    page = window.sessions
    qtbot.waitUntil(lambda: page.list._stack.currentIndex() == 2)
    scribe.write_call()
    qtbot.waitUntil(lambda: names(page) == ["migrate invoices"], timeout=5_000)
    QTest.keyClicks(page.list.search, "nothing like it")
    qtbot.waitUntil(lambda: page.list._stack.currentIndex() == 1)
    QTest.mouseClick(page.list.clear_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: names(page) == ["migrate invoices"])
    assert page.list.search.text() == ""


def test_sessions_are_searched_by_keyboard_and_filtered(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    for number, agent in enumerate(("Claude Code", "Codex", "Codex")):
        scribe.write_call(tags=tags(f"s{number}", agent))
    page = opened(qtbot, window, 3)
    assert names(page) == ["task s2", "task s1", "task s0"]
    window.activateWindow()
    QTest.keyClick(page.list.table, Qt.Key.Key_Slash)
    qtbot.waitUntil(page.list.search.hasFocus)
    QTest.keyClicks(page.list.search, "s1")
    qtbot.waitUntil(lambda: names(page) == ["task s1"])
    QTest.keyClick(page.list.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.list.rows.rowCount() == 3)
    qtbot.waitUntil(lambda: page.list.agents.findText("Codex") > 0)
    page.list.agents.setCurrentIndex(page.list.agents.findText("Codex"))
    qtbot.waitUntil(lambda: names(page) == ["task s2", "task s1"])
    page.list.states.setCurrentIndex(page.list.states.findText("Over"))
    qtbot.waitUntil(lambda: names(page) == [])
    window.open_sessions([(Scope.TEAM, "core")])
    qtbot.waitUntil(lambda: page.list.label.isVisible() and page.list.label.text() == "Team: core")
    assert page.list.wanted.labels == ((Scope.TEAM, "core"),)
    QTest.mouseClick(page.list.label, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.list.rows.rowCount() == 3)


def test_a_chosen_row_keeps_the_order_and_new_sessions_are_announced(
    qtbot: QtBot, window: Window, scribe: Scribe
) -> None:
    for number in range(3):
        scribe.write_call(tags=tags(f"s{number}"))
    page = opened(qtbot, window, 3)
    choose(page, 1)
    scribe.write_call(5 * NANO_PER_USD, tags=tags("s0"))
    scribe.write_call(tags=tags("new"))
    qtbot.waitUntil(lambda: page.list.news.isVisible() and page.list.news.text() == "1 new, show")
    assert names(page) == ["task s2", "task s1", "task s0"]
    assert page.list.rows.value(2).cost == "$5.01", "what is shown is counted on where it stands"
    QTest.mouseClick(page.list.news, Qt.MouseButton.LeftButton)
    assert names(page) == ["task new", "task s0", "task s2", "task s1"]
    assert not page.list.news.isVisible()


def test_parts_are_folded_out_by_key_and_by_mouse_and_lead_to_their_own_calls(
    qtbot: QtBot, window: Window, scribe: Scribe
) -> None:
    scribe.write_call(tags=tags("s0"))
    scribe.write_call(20_000_000, tags=tags("s0"), origin=EXPLORE)
    scribe.write_call(tags=tags("s0"), origin=TITLE)
    page = opened(qtbot, window, 1)
    choose(page, 0)
    QTest.keyClick(page.list.table, Qt.Key.Key_Space)
    assert names(page) == ["task s0", "Explore a1", "titles"]
    place = fold_place(page.list.table.visualRect(page.list.rows.index(0, 0)), page.list.rows.value(0)).center()
    QTest.mouseClick(page.list.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert names(page) == ["task s0"]
    QTest.keyClick(page.list.table, Qt.Key.Key_Right)
    choose(page, 1)
    QTest.keyClick(page.list.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.calls.rows.rowCount() == 1)
    assert page.calls.rows.value(0).number == 2
    assert page.path.words == "Sessions / task s0 / Explore a1"
    spoken = page.list.rows.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Session: Explore a1, sub-agent of task s0, running"


def test_one_goes_down_to_a_call_and_back_by_keys(qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.PROJECT, scope_key="billing-api", window=CapWindow.DAY, limit_nano_usd=9 * NANO_PER_USD,
        time_zone="UTC",
    )  # fmt: skip
    for cost in (1_000_000_000, 4_200_000):
        scribe.write_call(cost, tags=tags("s0"))
    page = opened(qtbot, window, 1)
    window.activateWindow()
    choose(page, 0)
    QTest.keyClick(page.list.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.calls.rows.rowCount() == 2)
    assert page.calls.words == "2 calls, newest first"
    page.calls.table.selectRow(0)
    QTest.keyClick(page.calls.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "billing-api, today" in shown_caps(page))
    assert page.path.words == "Sessions / task s0 / call 2"
    qtbot.waitUntil(lambda: page.call.words.startswith("$0.0042\nFrom the price table"))
    QTest.keyClick(page.call, Qt.Key.Key_Backspace)
    qtbot.waitUntil(lambda: page.path.words == "Sessions / task s0")
    QTest.keyClick(page.calls.table, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(lambda: page.list.isVisible() and page.title.isVisible())
    assert names(page)[page.list.table.currentIndex().row()] == "task s0"


def shown_caps(page: SessionsPage) -> list[str]:
    from app.desktop.widgets.table import Table

    tables = [table for table in page.call.findChildren(Table) if table.accessibleName() == "Caps"]
    return [str(table.model().index(row, 0).data()) for table in tables for row in range(table.model().rowCount())]


def test_a_session_is_stopped_by_key_and_the_stop_is_undone(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call(tags=tags("s0"))
    page = opened(qtbot, window, 1)
    choose(page, 0)
    QTest.keyClick(page.list.table, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: page.orders.undo.isVisible() and bool(session_store.list_stopped_sessions(ledger)))
    qtbot.waitUntil(lambda: page.list.rows.value(0).state is SessionState.STOPPED)
    assert not page.orders.stop_button.isVisible()
    assert page.orders.pause_button.text() == "Resume"
    assert page.orders.pause_button.accessibleName() == "Resume task s0, Claude Code"
    QTest.mouseClick(page.orders.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session_store.list_stopped_sessions(ledger) == [])
    qtbot.waitUntil(lambda: page.list.rows.value(0).state is SessionState.RUNNING)
    assert page.list.table.selected() is not None


def test_a_session_is_paused_by_key_and_by_mouse_and_goes_on(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call(tags=tags("s0"))
    page = opened(qtbot, window, 1)
    choose(page, 0)
    QTest.keyClick(page.list.table, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: page.list.rows.value(0).state is SessionState.PAUSED)
    assert [one.is_pause for one in session_store.list_stopped_sessions(ledger)] == [True]
    assert "paused" in str(page.list.rows.index(0, 0).data(Qt.ItemDataRole.AccessibleTextRole))
    qtbot.waitUntil(page.orders.undo.isVisible)
    QTest.mouseClick(page.orders.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.list.rows.value(0).state is SessionState.RUNNING)
    QTest.mouseClick(page.orders.pause_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.list.rows.value(0).state is SessionState.PAUSED)
    QTest.mouseClick(page.orders.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.list.rows.value(0).state is SessionState.STOPPED)
    QTest.mouseClick(page.orders.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.list.rows.value(0).state is SessionState.PAUSED)
    QTest.keyClick(page.list.table, Qt.Key.Key_P)
    qtbot.waitUntil(lambda: session_store.list_stopped_sessions(ledger) == [])


def test_an_imported_session_is_marked_searched_and_gone_through_and_has_no_orders(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    call = scribe.write_call(tags=tags("s0"))
    page = opened(qtbot, window, 1)
    past = replace(
        call, call_id="log-1", response_id="log-1", started_at=call.started_at - timedelta(days=40),
        tags=Tags("shop", "Codex", session="old-session"),
    )  # fmt: skip
    store_calls(ledger, [LoggedCall(LogSource.CODEX, past)])
    qtbot.waitUntil(lambda: names(page) == ["task s0", "old-session"])
    row = page.list.rows.value(1)
    assert (row.state, row.kind, row.cost) == (SessionState.IMPORTED, "imported, Codex", "$0.01")
    choose(page, 1)
    offered = [one.text() for one in page.orders.findChildren(QPushButton) if one.isVisible()]
    assert offered == ["Copy as text"]
    for key in (Qt.Key.Key_S, Qt.Key.Key_P, Qt.Key.Key_E):
        QTest.keyClick(page.list.table, key)
    assert session_store.list_stopped_sessions(ledger) == []
    assert page.panel.session is None
    QTest.keyClick(page.list.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.calls.rows.rowCount() == 1)
    page.calls.table.selectRow(0)
    QTest.keyClick(page.calls.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any("no cap counts it" in text.text() for text in page.call.findChildren(QLabel)))
    page.leave_session()
    page.list.states.setCurrentIndex(page.list.states.findText("Imported"))
    qtbot.waitUntil(lambda: names(page) == ["old-session"])
    page.list.search.setText("nothing like it")
    qtbot.waitUntil(lambda: names(page) == [])


def test_a_cap_for_one_session_is_set_from_its_menu(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call(tags=tags("s0"))
    page = opened(qtbot, window, 1)
    choose(page, 0)
    page.list.table.customContextMenuRequested.emit(QPoint(10, 10))
    assert page.orders.menu is not None
    actions = {action.text(): action for action in page.orders.menu.actions()}
    assert list(actions) == ["Stop", "Pause", "Explain", "Set a cap for this session…", "Copy as text"]
    page.orders.menu.close()
    actions["Set a cap for this session…"].trigger()
    editor = page.orders.editor
    assert editor is not None
    QTest.keyClicks(editor.limit, "2")
    QTest.keyClick(editor.limit, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(cap_store.list_caps(ledger)) == 1)
    cap = cap_store.list_caps(ledger)[0]
    assert (cap.scope, cap.scope_key, cap.window) == (Scope.SESSION, "s0", CapWindow.TOTAL)
    actions["Copy as text"].trigger()
    assert QGuiApplication.clipboard().text().startswith("task s0, Claude Code, billing-api, session s0: 1 calls")


def test_why_a_session_cost_more_is_taken_apart_and_each_term_opens_its_calls(
    qtbot: QtBot, window: Window, scribe: Scribe
) -> None:
    for number in range(6):
        scribe.write_call(10_000_000, tags=tags(f"s{number}"))
    for _ in range(3):
        scribe.write_call(100_000_000, tags=tags("dear"))
    page = opened(qtbot, window, 7)
    choose(page, 0)
    QTest.keyClick(page.list.table, Qt.Key.Key_E)
    qtbot.waitUntil(lambda: page.panel.view is not None)
    view = page.panel.view
    assert view is not None
    assert (view.title, view.base, view.base_nano_usd) == ("Why it cost $0.30", "Typical Claude Code task", 10_000_000)
    assert view.base_nano_usd + sum(term.nano_usd for term in view.terms) == view.whole_nano_usd == 300_000_000
    assert view.sentences[0] == "30 times the typical task of Claude Code, the mean of 6."
    first = page.panel.terms[0]
    assert first.accessibleName().endswith("Show its calls")
    QTest.keyClick(first, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.calls.rows.rowCount() == 3)
    assert page.path.words.startswith("Sessions / task dear / completed calls")
    window.activateWindow()
    if page.panel.isVisible():
        QTest.keyClick(page.panel.against, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not page.panel.isVisible())


def test_too_little_to_compare_with_is_told_and_another_session_can_be_chosen(
    qtbot: QtBot, window: Window, scribe: Scribe
) -> None:
    now = datetime.now(UTC)
    scribe.write_call(tags=tags("old", task="same"), at=now - timedelta(hours=3))
    scribe.write_call(40_000_000, tags=tags("new", task="same"))
    scribe.write_call(20_000_000, tags=tags("new", task="same"), origin=EXPLORE)
    page = opened(qtbot, window, 2)
    choose(page, 0)
    page.orders.explain()
    qtbot.waitUntil(lambda: page.panel.view is not None)
    view = page.panel.view
    assert view is not None
    assert (view.title, view.base) == ("It cost $0.06", "")
    assert view.sentences[0].startswith("Fewer than 5 tasks to compare with")
    assert [(term.name, term.amount) for term in view.terms] == [
        ("Main conversation", "$0.04"),
        ("Explore a1", "$0.02"),
    ]
    qtbot.waitUntil(lambda: page.panel.against.findText("Its last run") == 1)
    page.panel.against.setCurrentIndex(1)
    page.panel.against.activated.emit(1)
    qtbot.waitUntil(lambda: page.panel.view is not None and page.panel.view.base == "Its last run")
    page.panel.against.setCurrentIndex(2)
    page.panel.against.activated.emit(2)
    chooser = page.panel.chooser
    assert chooser is not None
    QTest.keyClicks(chooser.search, "old")
    qtbot.waitUntil(lambda: chooser.rows.rowCount() == 1)
    chooser.table.selectRow(0)
    QTest.keyClick(chooser.table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.panel.view is not None and page.panel.view.base == "same")
    assert page.panel.view is not None
    assert page.panel.view.base_nano_usd == 10_000_000


def test_drawn_widths_are_kept_and_narrow_lists_leave_columns_out(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    scribe.write_call()
    page = opened(qtbot, window, 1)
    page.list.table.horizontalHeader().resizeSection(1, 170)
    assert page.list.table.columnWidth(1) == 170
    assert page.list.table.own_widths == {"Project": 170}
    assert page._state.value("session-columns") == "Project=170"
    page.list.make_room(600)
    assert page.list.table.isColumnHidden(3)
    assert not page.list.table.isColumnHidden(1)
    page.list.make_room(500)
    assert page.list.table.isColumnHidden(1)


def test_absurd_names_and_amounts_keep_their_amounts_whole(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    scribe.write_call(
        999_999 * NANO_PER_USD,
        tags=Tags("p" * 60, "<b>" + "a" * 60, "", "", "任务" * 30 + "t" * 60, "s" * 60),
    )
    page = opened(qtbot, window, 1)
    window.resize(920, 600)
    table = page.list.table
    cost = next(number for number, column in enumerate(page.list.rows.columns) if column.title == "Cost")
    assert page.list.rows.index(0, cost).data() == "$999,999"
    assert table.columnWidth(cost) >= table.sizeHintForColumn(cost)
    assert "<b>" not in page.list.rows.index(0, 0).data(Qt.ItemDataRole.ToolTipRole).removeprefix("<span>")
    assert sum(table.columnWidth(number) for number in range(6)) <= table.viewport().width()


def test_a_waiting_call_leads_to_its_session(qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.DAY, limit_nano_usd=1, time_zone="UTC"
    )
    scribe.ask(2 * NANO_PER_USD, tags=tags("first"))
    window.open_page("Approvals")
    qtbot.waitUntil(lambda: window.approvals.detail is not None)
    assert window.approvals.detail is not None
    QTest.mouseClick(window.approvals.detail.answers.show_button, Qt.MouseButton.LeftButton)
    assert window.page_name == "Sessions"
    qtbot.waitUntil(lambda: window.sessions.calls.words == "No call yet")
    window.sessions.leave_session()
    qtbot.waitUntil(lambda: names(window.sessions) == ["task first"])
    assert window.sessions.list.rows.value(0).state is SessionState.WAITS
