from datetime import UTC, datetime, timedelta

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window as CapWindow
from app.desktop.models.chart_range import ChartRange
from app.desktop.pages.overview import OverviewPage
from app.desktop.pages.where_it_went import ShareRow
from app.desktop.theme import ThemeSwitch
from app.desktop.window import Window
from app.insight.overview import TokenClass
from app.ledger import cap_store
from app.ledger.engine import Ledger
from app.services.settings import Theme
from tests.desktop.conftest import Scribe

CODEX = Tags(project="web-shop", agent="Codex", task="tests", session="s-2")


@pytest.fixture
def page(window: Window) -> OverviewPage:
    return window.overview


def choose(page: OverviewPage, words: str) -> None:
    button = next(one for one in page.findChildren(QPushButton) if one.text() == words)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def rows(page: OverviewPage, by: Scope) -> list[ShareRow]:
    return [page.where.rows[by].value(row) for row in range(page.where.rows[by].rowCount())]


def test_a_call_shows_by_itself(qtbot: QtBot, page: OverviewPage, scribe: Scribe) -> None:
    scribe.write_call(5_000_000_000)
    qtbot.waitUntil(lambda: page.spent.amount == "$5.00")
    scribe.write_call(4_250_000_000)
    qtbot.waitUntil(lambda: page.spent.amount == "$9.25")


def test_it_tells_where_money_went_and_what_it_bought(qtbot: QtBot, page: OverviewPage, scribe: Scribe) -> None:
    scribe.write_call(3 * NANO_PER_USD)
    scribe.write_call(1 * NANO_PER_USD, tags=CODEX)
    scribe.write_call(None, tags=Tags(agent="Gemini CLI"))
    qtbot.waitUntil(lambda: len(rows(page, Scope.AGENT)) == 3)
    told = [page.where.rows[Scope.AGENT].index(row, 2).data() for row in range(3)]
    assert ([row.name for row in rows(page, Scope.AGENT)], told) == (
        ["Claude Code", "Codex", "Gemini CLI"], ["$3.00", "$1.00", "—"],
    )  # fmt: skip
    assert [row.bar for row in rows(page, Scope.AGENT)] == [1, pytest.approx(1 / 3), 0]
    assert page.spent.amount == "$4.00+"
    assert page.average.amount == "$2.00"
    classes = {one.kind: one for one in (page.bought.rows.value(row) for row in range(page.bought.rows.rowCount()))}
    assert sum(one.nano_usd or 0 for one in classes.values()) == 4 * NANO_PER_USD
    assert classes[TokenClass.FRESH].count == 3_600
    choose(page, "Project")
    qtbot.waitUntil(lambda: len(rows(page, Scope.PROJECT)) == 3)
    assert [row.name for row in rows(page, Scope.PROJECT)] == ["billing-api", "web-shop", "No project told"]


def test_a_row_opens_its_sessions_by_enter_and_by_double_click(
    qtbot: QtBot, window: Window, page: OverviewPage, scribe: Scribe
) -> None:
    scribe.write_call(3 * NANO_PER_USD)
    scribe.write_call(1 * NANO_PER_USD, tags=CODEX)
    qtbot.waitUntil(lambda: len(rows(page, Scope.AGENT)) == 2)
    table = page.where.tables[Scope.AGENT]
    table.selectRow(1)
    QTest.keyClick(table, Qt.Key.Key_Return)
    assert window.page_name == "Sessions"
    assert window.sessions.list.wanted.labels == ((Scope.AGENT, "Codex"),)
    window.open_page("Overview")
    choose(page, "Model")
    models = page.where.tables[Scope.MODEL]
    qtbot.waitUntil(lambda: models.isVisible() and len(rows(page, Scope.MODEL)) == 1)
    place = models.visualRect(page.where.rows[Scope.MODEL].index(0, 0)).center()
    QTest.mouseClick(models.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(models.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.sessions.list.wanted.labels == ((Scope.MODEL, "claude-sonnet-4-5"),)


def test_what_nobody_labelled_opens_nothing(qtbot: QtBot, window: Window, page: OverviewPage, scribe: Scribe) -> None:
    scribe.write_call(NANO_PER_USD)
    choose(page, "Team")
    qtbot.waitUntil(lambda: len(rows(page, Scope.TEAM)) == 1)
    page.where.tables[Scope.TEAM].selectRow(0)
    QTest.keyClick(page.where.tables[Scope.TEAM], Qt.Key.Key_Return)
    assert window.page_name == "Overview"


def test_each_range_is_read_when_it_is_chosen(qtbot: QtBot, page: OverviewPage, scribe: Scribe) -> None:
    now = datetime.now(UTC)
    for ago, usd in (
        (timedelta(seconds=2), 1),
        (timedelta(minutes=30), 2),
        (timedelta(days=2), 4),
        (timedelta(days=70), 8),
    ):
        scribe.write_call(usd * NANO_PER_USD, at=now - ago)
    qtbot.waitUntil(lambda: page.overview is not None)
    for chosen, amount, title in (
        (ChartRange.LIVE, "$1.00", "Last 10 minutes"),
        (ChartRange.HOUR, "$3.00", "Last hour"),
        (ChartRange.WEEK, "$7.00", "Last 7 days"),
        (ChartRange.YEAR, "$15.00", "Last 12 months"),
    ):
        choose(page, str(chosen))
        qtbot.waitUntil(lambda title=title: page.title.text() == title)  # type: ignore[misc]
        assert page.spent.amount == amount
        assert page.forecast.isVisible() is False
        assert "Spend" in page.chart.accessibleName()
    choose(page, "1 m")
    qtbot.waitUntil(lambda: page.forecast.isVisible())


def test_the_live_graph_moves_on_without_any_call_and_only_while_it_is_looked_at(
    qtbot: QtBot, window: Window, page: OverviewPage, scribe: Scribe
) -> None:
    scribe.write_call(NANO_PER_USD)
    qtbot.waitUntil(lambda: page.overview is not None)
    choose(page, "Live")
    qtbot.waitUntil(lambda: page.overview is not None and page.overview.range is ChartRange.LIVE)
    seen = page.overview
    qtbot.waitUntil(lambda: page.overview is not seen)
    window.open_page("Caps")
    assert not page._live.isActive()
    last = page.overview
    scribe.write_call(NANO_PER_USD)
    qtbot.waitUntil(lambda: window._snapshot is not None and len(window._snapshot.calls) == 2)
    assert page.overview is last
    window.open_page("Overview")
    qtbot.waitUntil(lambda: page.spent.amount == "$2.00")


def test_a_period_without_spend_says_so(qtbot: QtBot, page: OverviewPage, scribe: Scribe) -> None:
    scribe.write_call(NANO_PER_USD, at=datetime.now(UTC) - timedelta(days=70))
    qtbot.waitUntil(lambda: page.nothing.isVisible())
    assert (page.spent.amount, page._below.isVisible()) == ("$0.00", False)
    choose(page, "1 y")
    qtbot.waitUntil(lambda: not page.nothing.isVisible())
    assert page._below.isVisible()


def test_the_pointer_is_told_a_columns_parts_and_names_stay_plain(
    qtbot: QtBot, page: OverviewPage, scribe: Scribe
) -> None:
    scribe.write_call(3 * NANO_PER_USD)
    scribe.write_call(NANO_PER_USD, tags=Tags(agent="<b>bold</b>"))
    qtbot.waitUntil(lambda: page.spent.amount == "$4.00" and page.chart.plot is not None)
    assert page.chart.plot is not None
    hint = page.chart.plot.hint_at(datetime.now(UTC).day - 1)
    assert "&lt;b&gt;bold&lt;/b&gt;" in hint
    assert "In all" in hint
    assert "$4.00" in hint
    assert page.chart.plot.hint_at(99) == ""


def test_the_graph_can_be_read_as_a_table(qtbot: QtBot, page: OverviewPage, scribe: Scribe) -> None:
    scribe.write_call(3 * NANO_PER_USD)
    qtbot.waitUntil(lambda: page.spent.amount == "$3.00")
    page.window().activateWindow()
    page.setFocus()
    QTest.keyClick(page, Qt.Key.Key_T)
    qtbot.waitUntil(lambda: not page.chart.isVisible())
    told = [page.buckets.index(row, 1).data() for row in range(page.buckets.rowCount())]
    assert told.count("$3.00") == 1
    QTest.keyClick(page, Qt.Key.Key_T)
    qtbot.waitUntil(page.chart.isVisible)


@pytest.mark.parametrize("limit", [5, 5_000])
def test_a_cap_by_day_is_drawn_on_days_unless_it_is_far_above(
    qtbot: QtBot, page: OverviewPage, ledger: Ledger, scribe: Scribe, limit: int
) -> None:
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.DAY, limit_nano_usd=limit * NANO_PER_USD,
        time_zone="UTC",
    )  # fmt: skip
    scribe.write_call(3 * NANO_PER_USD)
    qtbot.waitUntil(lambda: page.spent.amount == "$3.00" and page.chart.plot is not None)
    assert page.chart.plot is not None
    top = page.chart.plot.getPlotItem().getViewBox().viewRange()[1][1]
    words = [item.toPlainText() for item in page.chart.plot.getPlotItem().items if hasattr(item, "toPlainText")]
    assert words == ([f"Cap ${limit:,}.00 a day"] if limit == 5 else ["Cap $5,000.00 a day, far above"])
    assert top < 10 * NANO_PER_USD


def test_another_theme_draws_it_anew(qtbot: QtBot, page: OverviewPage, scribe: Scribe, theme: ThemeSwitch) -> None:
    scribe.write_call(3 * NANO_PER_USD)
    qtbot.waitUntil(lambda: page.spent.amount == "$3.00")
    before = page.grab().toImage()
    theme.choose(Theme.DARK)
    qtbot.waitUntil(lambda: page.grab().toImage() != before)
    assert page.grab().toImage().pixelColor(2, 2).lightness() < 60
    theme.choose(Theme.LIGHT)
