import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.advice import AdviceAnswer
from app.core.call import Outcome
from app.core.tags import Scope, Tags
from app.desktop.pages.review import SuggestionRow
from app.desktop.window import Window
from app.ledger.advice_store import list_advice
from app.ledger.engine import Ledger
from app.services.reviews import monday_of
from tests.desktop.conftest import ZONE, Scribe


def test_a_week_is_reviewed_and_the_one_before_it(qtbot: QtBot, window: Window, scribe: Scribe) -> None:
    monday = datetime.combine(monday_of(datetime.now(UTC), ZONE), datetime.min.time(), UTC)
    for number in range(3):
        tags = Tags("shop", "Codex", task=f"small {number}", session=f"s{number}")
        scribe.write_call(100_000_000, tags=tags, at=monday + timedelta(seconds=number))
    big = Tags("shop", "Codex", task="big", session="s9")
    for number in range(4):
        scribe.write_call(500_000_000, tags=big, at=monday + timedelta(seconds=10 + number))
    scribe.write_call(1_000_000_000, tags=big, at=monday - timedelta(days=2))
    window.open_page("Review")
    page = window.review
    qtbot.waitUntil(lambda: page.view is not None)
    view = page.view
    assert view is not None
    assert page.title.text() == f"Week of {monday:%b} {monday.day}"
    assert view.sentence == "$2.30, 130% more than the week before; 4 tasks, $0.58 each."
    assert view.costly[0].name == "big"
    assert view.costly[0].why.startswith("The agent's other tasks cost $0.10 on average. Of the difference: $1.00 more")
    assert [(line.calls_in_task, line.tasks, line.calls) for line in view.spread] == [("1", 3, 3), ("2 to 5", 1, 4)]
    assert not page.later.isVisible()
    QTest.mouseClick(page.copy_button, Qt.MouseButton.LeftButton)
    assert "What cost most" in QGuiApplication.clipboard().text()
    QTest.mouseClick(page.earlier, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.view is not None and page.view.sentence.startswith("$1.00, nothing the week before"))
    assert page.later.isVisible()
    QTest.mouseClick(page.later, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.view == view)


def test_a_review_is_exported_in_the_form_its_name_tells(
    qtbot: QtBot, window: Window, scribe: Scribe, tmp_path: Path
) -> None:
    scribe.write_call()
    window.open_page("Review")
    page = window.review
    qtbot.waitUntil(lambda: page.export_button.isVisible())
    for suffix, sign in (("md", "# Week"), ("html", "<!doctype html>"), ("json", '{\n  "week"')):
        file = tmp_path / f"week.{suffix}"
        page.export(file)
        qtbot.waitUntil(file.exists)
        assert file.read_text("utf-8").startswith(sign)
    assert json.loads((tmp_path / "week.json").read_text("utf-8"))["now"]["calls"] == 1
    page.export(tmp_path / "no such folder" / "week.md")
    qtbot.waitUntil(lambda: "It could not be written" in page.error.text)


def test_a_week_without_calls_says_so_and_a_task_leads_to_its_sessions(
    qtbot: QtBot, window: Window, scribe: Scribe
) -> None:
    window.open_page("Review")
    page = window.review
    qtbot.waitUntil(lambda: page.view is not None and page.view.is_empty)
    assert not page.copy_button.isVisible()
    scribe.write_call()
    qtbot.waitUntil(lambda: page.view is not None and len(page.view.costly) == 1)
    assert page.view is not None
    page._open(page.view.costly[0])
    assert window.page_name == "Sessions"
    labels = dict(window.sessions.list.wanted.labels)
    assert labels == {Scope.AGENT: "Claude Code", Scope.PROJECT: "billing-api", Scope.TASK: "migrate invoices"}
    qtbot.waitUntil(lambda: window.sessions.list.rows.rowCount() == 1)


def test_a_suggestion_is_answered_by_mouse_and_by_key_taken_back_and_followed_up(
    qtbot: QtBot, window: Window, ledger: Ledger, scribe: Scribe
) -> None:
    scribe.write_call(2_000_000_000)
    scribe.write_call(1_000_000_000, outcome=Outcome.FAILED)
    window.open_page("Review")
    page = window.review

    def rows() -> list[SuggestionRow]:
        return [one for one in page.findChildren(SuggestionRow) if one.isVisible()]

    qtbot.waitUntil(lambda: len(rows()) == 1)
    assert (
        rows()[0].declined.accessibleName()
        == "Not for us: $1.00 went to 1 call that failed and were paid all the same."
    )
    QTest.mouseClick(rows()[0].declined, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.view is not None and page.view.suggestions == ())
    assert [one.answer for one in list_advice(ledger)] == [AdviceAnswer.DECLINED]
    qtbot.waitUntil(page.undo.isVisible)
    QTest.mouseClick(page.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(rows()) == 1)
    assert list_advice(ledger) == []
    rows()[0].done.setFocus()
    QTest.keyClick(rows()[0].done, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: page.view is not None and len(page.view.done) == 1)
    assert page.view is not None
    assert (page.view.suggestions, page.view.done[0].endswith("It saved $0.00 of $1.00 a week.")) == ((), True)
    QTest.mouseClick(page.earlier, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.view is not None and page.view.is_empty)
    assert not rows()
