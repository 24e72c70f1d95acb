from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.core.money import NANO_PER_USD
from app.core.sent_input import ColdSoon
from app.core.tags import Scope, Tags
from app.core.windows import Window as CapWindow
from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.ledger_feed import LedgerFeed
from app.desktop.popover import MOST_HEIGHT, WIDTH, Popover
from app.desktop.reading import read_snapshot
from app.desktop.tasks import Tasks
from app.desktop.theme import ThemeSwitch
from app.desktop.tray import Tray
from app.desktop.widgets.cold_line import ColdLine
from app.desktop.widgets.raise_form import RaiseForm
from app.desktop.widgets.sure_form import SureForm
from app.ledger import approval_store, cap_store, meter_state
from app.ledger.ballast import give_up, take_on
from app.ledger.engine import Ledger
from app.ledger.raise_store import live_raises
from app.ledger.session_store import list_stopped_sessions
from tests.desktop.conftest import TAGS, ZONE, Scribe


@pytest.fixture
def popover(commands: Commands, tasks: Tasks, feed: LedgerFeed, theme: ThemeSwitch) -> Iterator[Popover]:
    made = Popover(commands)
    feed.read.connect(made.show_snapshot)
    feed.start()
    made.show()
    yield made
    feed.stop()
    tasks.stop()
    destroy(made)


def cap_everything(ledger: Ledger, limit: int = NANO_PER_USD) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.DAY, limit_nano_usd=limit, time_zone="UTC"
    )


def texts(popover: Popover) -> str:
    return "\n".join(label.text() for label in popover.findChildren(QLabel) if label.isVisible())


def test_a_waiting_call_is_approved_once(qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe) -> None:
    cap_everything(ledger)
    scribe.ask(2 * NANO_PER_USD)
    qtbot.waitUntil(lambda: len(popover.bands()) == 1)
    qtbot.waitUntil(lambda: "Claude Code is paused" in texts(popover))
    assert "$1.00 left of $1.00. The next call needs up to $2.00." in texts(popover)
    approve = popover.bands()[0].answers.approve_button
    qtbot.waitUntil(lambda: approve.is_armed)
    QTest.mouseClick(approve, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: approval_store.waiting(ledger) == [])
    assert approval_store.answered(ledger)[0].state is approval_store.ApprovalState.APPROVED
    qtbot.waitUntil(lambda: popover.bands() == [])


def test_an_agent_in_a_loop_is_let_go_on_or_stopped(
    qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe, commands: Commands
) -> None:
    scribe.note_loop(8)
    scribe.ask(NANO_PER_USD, carries_results=True)
    qtbot.waitUntil(lambda: len(popover.bands()) == 1)
    said = "<b>Bash with the same arguments, failed 8 times</b>, $1.90. Let it go on, and you are asked again"
    qtbot.waitUntil(lambda: said in texts(popover))
    assert "Claude Code repeats itself" in texts(popover)
    answers = popover.bands()[0].answers
    made = [one for one in answers.findChildren(QPushButton) if one.isVisible()]
    shown = [one.text() for one in sorted(made, key=lambda one: (one.y(), one.x()))]
    assert shown == ["Stop", "Let it go on", "Show"]
    qtbot.waitUntil(lambda: answers.approve_button.is_armed)
    QTest.keyClick(popover.bands()[0], Qt.Key.Key_R)
    QTest.keyClick(popover.bands()[0], Qt.Key.Key_A)
    qtbot.waitUntil(lambda: approval_store.waiting(ledger) == [])
    assert approval_store.answered(ledger)[0].state is approval_store.ApprovalState.APPROVED

    scribe.note_loop(16)
    scribe.ask(NANO_PER_USD, carries_results=True)
    tray = Tray(commands, popover)
    tray.show_snapshot(read_snapshot(ledger, datetime.now(UTC), ZONE))
    tray.fill_menu()
    asked = tray.menu.actions()[1]
    assert asked.text() == "Claude Code repeats itself: Bash with the same arguments, failed 16 times"
    orders = asked.menu()
    assert orders is not None
    assert [action.text() for action in orders.actions()] == ["Let it go on", "Stop"]  # type: ignore[attr-defined]
    orders.actions()[1].trigger()  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: [one.session for one in list_stopped_sessions(ledger)] == ["s-1"])
    tray.icon.hide()
    destroy(tray.menu, tray)


def test_answers_are_deaf_for_half_a_second(qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe) -> None:
    cap_everything(ledger)
    scribe.ask(2 * NANO_PER_USD)
    qtbot.waitUntil(lambda: len(popover.bands()) == 1)
    band = popover.bands()[0]
    band.answers.approve_button._still_since = float("inf")
    QTest.mouseClick(band.answers.approve_button, Qt.MouseButton.LeftButton)
    QTest.keyClick(band, Qt.Key.Key_A)
    QTest.keyClick(band.answers.approve_button, Qt.Key.Key_Space)
    assert band.answers._buttons.isEnabled(), "nothing was sent"
    assert len(approval_store.waiting(ledger)) == 1


def test_a_cap_is_raised_in_place(qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe) -> None:
    cap_everything(ledger)
    scribe.ask(2 * NANO_PER_USD)
    qtbot.waitUntil(lambda: len(popover.bands()) == 1)
    answers = popover.bands()[0].answers
    qtbot.waitUntil(lambda: answers.raise_button.is_armed)
    QTest.keyClick(popover.bands()[0], Qt.Key.Key_R)
    form = answers.form
    assert isinstance(form, RaiseForm)
    form.amount.setText("0.50")
    QTest.mouseClick(form.raise_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Not a raise" in form.error.text)
    form.amount.setText("12")
    QTest.keyClick(form.amount, Qt.Key.Key_Return)
    now = datetime.now(UTC)
    qtbot.waitUntil(lambda: cap_store.cap_statuses(ledger, now)[0].limit_nano_usd == 12 * NANO_PER_USD)
    assert live_raises(ledger, cap_store.list_caps(ledger)[0].cap_id)[0].until is None


def test_a_cap_is_raised_for_an_hour(qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe) -> None:
    cap_everything(ledger)
    scribe.ask(2 * NANO_PER_USD)
    qtbot.waitUntil(lambda: len(popover.bands()) == 1)
    answers = popover.bands()[0].answers
    answers.open_raise()
    form = answers.form
    assert isinstance(form, RaiseForm)
    form.amount.setText("3")
    form.until.setCurrentText("for one hour")
    form.submit()
    cap = cap_store.list_caps(ledger)[0]
    qtbot.waitUntil(lambda: live_raises(ledger, cap.cap_id) != [])
    (raised,) = live_raises(ledger, cap.cap_id)
    assert raised.amount_nano_usd == 2 * NANO_PER_USD
    assert raised.until is not None
    assert timedelta(minutes=59) < raised.until - datetime.now(UTC) <= timedelta(hours=1)


def test_all_of_a_session_are_approved_at_once_and_much_is_asked_about(
    qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe
) -> None:
    cap_everything(ledger)
    for _ in range(2):
        scribe.ask(2 * NANO_PER_USD)
    scribe.ask(2 * NANO_PER_USD, tags=replace(TAGS, session="s-2"))
    qtbot.waitUntil(lambda: len(popover.bands()) == 2)
    answers = popover.bands()[0].answers
    qtbot.waitUntil(lambda: answers.all_button.text() == "Approve all 2")
    qtbot.waitUntil(lambda: answers.all_button.is_armed)
    QTest.keyClick(popover.bands()[0], Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: [call.tags.session for call in approval_store.waiting(ledger)] == ["s-2"])
    qtbot.waitUntil(lambda: len(popover.bands()) == 1)
    for _ in range(2):
        scribe.ask(2 * NANO_PER_USD, tags=replace(TAGS, session="s-2"))
    answers = popover.bands()[0].answers
    qtbot.waitUntil(lambda: answers.all_button.text() == "Approve all 3…")
    qtbot.waitUntil(lambda: answers.all_button.is_armed)
    QTest.mouseClick(answers.all_button, Qt.MouseButton.LeftButton)
    form = answers.form
    assert isinstance(form, SureForm)
    said = "Approve 3 calls? They can cost up to $6.00. Everything, today goes over its $1.00 by at most that."
    assert form.words.text() == said
    assert form.approve_button.text() == "Approve up to $6.00"
    scribe.ask(2 * NANO_PER_USD, tags=replace(TAGS, session="s-2"))
    qtbot.waitUntil(lambda: len(answers._group.calls) == 4)
    qtbot.waitUntil(lambda: form.approve_button.is_armed)
    QTest.mouseClick(form.approve_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(approval_store.waiting(ledger)) == 1)  # the one that came while it was asked


def test_a_session_is_approved_after_asking_once_more(
    qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe
) -> None:
    cap_everything(ledger)
    scribe.ask(2 * NANO_PER_USD)
    scribe.ask(2 * NANO_PER_USD)
    scribe.ask(2 * NANO_PER_USD, tags=replace(TAGS, session="s-2"))
    qtbot.waitUntil(lambda: len(popover.bands()) == 2)
    answers = popover.bands()[0].answers
    qtbot.waitUntil(lambda: answers.session_button.is_armed)
    QTest.keyClick(popover.bands()[0], Qt.Key.Key_S)
    form = answers.form
    assert isinstance(form, SureForm)
    qtbot.waitUntil(lambda: "whatever they cost" in texts(popover))
    assert len(approval_store.waiting(ledger)) == 3
    qtbot.waitUntil(lambda: form.approve_button.is_armed)
    QTest.mouseClick(form.approve_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [call.tags.session for call in approval_store.waiting(ledger)] == ["s-2"])


def test_a_session_is_stopped_and_goes_on_with_one_click(
    qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call(NANO_PER_USD // 2)
    name = "Stop: Claude Code, migrate invoices"
    qtbot.waitUntil(lambda: bool(_named(popover, name)))
    QTest.mouseClick(_named(popover, name)[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: [one.session for one in list_stopped_sessions(ledger)] == ["s-1"])
    qtbot.waitUntil(lambda: "Stopped. Its next call is refused." in texts(popover))
    QTest.mouseClick(_named(popover, "Let it go on: Claude Code, migrate invoices")[0], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: list_stopped_sessions(ledger) == [])


def _named(popover: Popover, name: str) -> list[QPushButton]:
    return [one for one in popover.findChildren(QPushButton) if one.accessibleName() == name and one.isVisible()]


def test_an_answer_that_came_too_late_is_told_in_place(
    qtbot: QtBot, popover: Popover, ledger: Ledger, feed: LedgerFeed, scribe: Scribe
) -> None:
    cap_everything(ledger)
    scribe.ask(2 * NANO_PER_USD)
    qtbot.waitUntil(lambda: len(popover.bands()) == 1)
    answers = popover.bands()[0].answers
    feed.stop()
    approval_store.refuse(ledger, approval_store.waiting(ledger)[0].approval_id, by="cli")
    answers.approve()
    qtbot.waitUntil(lambda: "no longer waits" in answers.error.text)


def test_everything_is_paused_and_resumed(qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe) -> None:
    qtbot.waitUntil(lambda: popover._snapshot is not None)
    QTest.mouseClick(popover._pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: meter_state.is_paused(ledger))
    qtbot.waitUntil(lambda: "Everything is paused" in texts(popover))
    QTest.mouseClick(popover._pause, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not meter_state.is_paused(ledger))


def test_it_stays_in_its_size_with_absurd_names_and_amounts(
    qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe
) -> None:
    cap_everything(ledger, 900_000_000 * NANO_PER_USD)
    for number in range(6):
        tags = Tags(project="p" * 100, agent="a" * 100, task="t" * 100, session=str(number))
        scribe.write_call(999_999 * NANO_PER_USD, tags=tags)
    qtbot.waitUntil(lambda: "3 more running" in texts(popover))
    assert popover.width() == WIDTH
    assert popover.height() <= MOST_HEIGHT
    assert popover._middle.minimumSize().width() <= WIDTH


def test_it_grows_and_shrinks_with_what_it_shows(
    qtbot: QtBot, popover: Popover, ledger: Ledger, scribe: Scribe
) -> None:
    qtbot.waitUntil(lambda: "No calls yet" in texts(popover))
    empty = popover.height()
    cap_everything(ledger)
    scribe.ask(2 * NANO_PER_USD)
    qtbot.waitUntil(lambda: popover.height() > empty + 100)
    bar = popover._area.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() == 0)
    approval_store.refuse(ledger, approval_store.waiting(ledger)[0].approval_id, by="cli")
    qtbot.waitUntil(lambda: popover.height() < empty + 100)


def test_a_second_click_closes_and_so_does_esc(qtbot: QtBot, popover: Popover) -> None:
    popover.toggle_at(QPoint(5, 5))
    assert not popover.isVisible()
    popover.toggle_at(QPoint(5, 5))
    assert popover.isVisible()
    QTest.keyClick(popover, Qt.Key.Key_Escape)
    assert not popover.isVisible()


def test_no_key_acts_before_tab_has_reached_something(
    qtbot: QtBot, commands: Commands, ledger: Ledger, scribe: Scribe, tasks: Tasks
) -> None:
    scribe.write_call()
    popover = Popover(commands)
    qtbot.addWidget(popover)
    popover.show_snapshot(read_snapshot(ledger, datetime.now(UTC), ZONE))
    popover.toggle_at(QPoint(5, 5))
    qtbot.waitUntil(lambda: QApplication.focusWidget() is not None)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Return):
        focused = QApplication.focusWidget()
        assert focused is popover
        QTest.keyClick(focused, key)
    tasks.stop()
    assert list_stopped_sessions(ledger) == []


def test_a_running_session_whose_cache_is_about_to_end_says_so(
    qtbot: QtBot, commands: Commands, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call()
    now = datetime.now(UTC)
    snapshot = read_snapshot(ledger, now, ZONE)
    cold = ColdSoon(TAGS.session, TAGS.task, TAGS.agent, TAGS.project, now + timedelta(seconds=62), 1_900_000_000)
    popover = Popover(commands)
    popover.show_snapshot(replace(snapshot, cold=(cold,)))
    popover.show()
    assert "Cache goes cold" not in texts(popover)
    line = popover.findChildren(ColdLine)[0]
    assert line.tell_time(now + timedelta(seconds=22))
    qtbot.waitUntil(lambda: "Cache goes cold in 40 s; warming it costs about $1.90" in texts(popover))
    assert not line.tell_time(now + timedelta(seconds=23))
    assert line.tell_time(now + timedelta(seconds=63))
    qtbot.waitUntil(lambda: "Cache goes cold" not in texts(popover))
    destroy(popover)


def test_a_disk_without_room_is_told_until_there_is_some(qtbot: QtBot, commands: Commands, ledger: Ledger) -> None:
    assert take_on(ledger.path)
    assert give_up(ledger.path)
    popover = Popover(commands)
    popover.show_snapshot(read_snapshot(ledger, datetime.now(UTC), ZONE))
    popover.show()
    qtbot.waitUntil(lambda: "The disk is full" in texts(popover))
    assert take_on(ledger.path)
    popover.show_snapshot(read_snapshot(ledger, datetime.now(UTC), ZONE))
    qtbot.waitUntil(lambda: texts(popover) != "" and "The disk is full" not in texts(popover))
    destroy(popover)
