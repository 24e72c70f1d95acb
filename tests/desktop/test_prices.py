from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.tags import Tags
from app.desktop.models.columns import Clock
from app.desktop.models.price_columns import matches, price_columns, short_rate, unpriced_words
from app.desktop.models.rows import Column, Rows
from app.desktop.pages.price_dialogs import ConcernsDialog, OwnPriceDialog
from app.desktop.pages.prices import PricesPage
from app.desktop.widgets.table import ROW_HEIGHT, Table
from app.desktop.window import Window
from app.ledger.engine import Ledger
from app.ledger.price_store import list_overrides, load_book
from app.pricing.book import bundled_book
from app.services.price_list import Amounts, PriceLine, read_prices
from tests.cli.samples import book_call
from tests.desktop.conftest import ZONE
from tests.pricing.tables import changed

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)


@pytest.fixture
def page(qtbot: QtBot, ledger: Ledger, window: Window) -> PricesPage:
    book_call(ledger, Tags(), None, model="nobody-priced-this")
    window.open_page("Prices")
    qtbot.waitUntil(lambda: window.prices.rows.rowCount() > 1_000)
    return window.prices


def cells(page: PricesPage, row: int) -> list[str]:
    return [page.rows.index(row, place).data() for place in range(page.rows.columnCount())]


def find(qtbot: QtBot, page: PricesPage, words: str) -> None:
    page.search.setFocus()
    page.search.clear()
    QTest.keyClicks(page.search, words)
    qtbot.waitUntil(lambda: page.rows.rowCount() < 1_000)


def test_models_without_a_price_stand_first_and_are_told(page: PricesPage) -> None:
    assert page.warning.isVisible()
    assert page.warning.text() == "1 model has no price. Their calls are shown as unknown, never as $0."
    assert cells(page, 0) == ["nobody-priced-this", "Anthropic", "—", "—", "—", "—", "No price", "—"]
    hint = page.rows.index(0, 6).data(Qt.ItemDataRole.ToolTipRole)
    assert "No price is known for this model. 1 call, 1.2k tokens." in hint


def test_a_price_is_set_by_keyboard_and_undone(qtbot: QtBot, page: PricesPage, ledger: Ledger) -> None:
    page.table.setFocus()
    page.table.selectRow(0)
    QTest.keyClick(page.table, Qt.Key.Key_Return)
    dialog = page.dialog
    assert isinstance(dialog, OwnPriceDialog)
    assert (dialog.provider.currentData(), dialog.model.text()) == ("anthropic", "nobody-priced-this")
    QTest.keyClicks(dialog.given, "1.25")
    QTest.keyClick(dialog.given, Qt.Key.Key_Return)
    assert "Half a price" in dialog.error.text
    QTest.keyClicks(dialog.made, "ten")
    QTest.keyClick(dialog.made, Qt.Key.Key_Return)
    assert "Not an amount" in dialog.error.text
    dialog.made.clear()
    QTest.keyClicks(dialog.made, "10")
    QTest.keyClick(dialog.made, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.warning.isVisible())
    assert cells(page, 0)[:7] == ["nobody-priced-this", "Anthropic", "$1.25", "—", "—", "$10.00", "Yours"]
    QTest.mouseClick(page.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(page.warning.isVisible)
    assert list_overrides(ledger) == ()


def test_an_own_price_is_changed_and_the_one_before_comes_back(qtbot: QtBot, page: PricesPage, ledger: Ledger) -> None:
    find(qtbot, page, "openai gpt-5-mini")
    page.table.selectRow(0)
    first = _set_factor(qtbot, page, "0.5")
    qtbot.waitUntil(lambda: cells(page, 0)[6] == "Yours, 0.5 times the table")
    page.table.selectRow(0)
    qtbot.waitUntil(lambda: page.set_button.text() == "Change price…")
    second = _set_factor(qtbot, page, "0.25")
    qtbot.waitUntil(lambda: cells(page, 0)[6] == "Yours, 0.25 times the table")
    assert first != second
    QTest.mouseClick(page.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: cells(page, 0)[6] == "Yours, 0.5 times the table")
    assert [one.factor for one in list_overrides(ledger)] == [Decimal("0.5")]


def _set_factor(qtbot: QtBot, page: PricesPage, factor: str) -> str:
    QTest.mouseClick(page.set_button, Qt.MouseButton.LeftButton)
    dialog = page.dialog
    assert isinstance(dialog, OwnPriceDialog)
    dialog.kind.setCurrentIndex(1)
    dialog.kind.activated.emit(1)
    dialog.factor.setText(factor)
    with qtbot.waitSignal(dialog.was_set) as told:
        QTest.mouseClick(dialog.save_button, Qt.MouseButton.LeftButton)
    assert told.args is not None
    return str(told.args[0].override_id)


def test_an_own_price_is_removed_by_key_and_comes_back(qtbot: QtBot, page: PricesPage, window: Window) -> None:
    find(qtbot, page, "claude-haiku-4-5 anthropic")
    page.table.selectRow(0)
    _set_factor(qtbot, page, "2")
    qtbot.waitUntil(lambda: page.rows.value(0).is_own)
    page.table.selectRow(0)
    window.activateWindow()
    page.table.setFocus()
    qtbot.waitUntil(page.table.hasFocus)
    QTest.keyClick(page.table, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: page.rows.value(0).source == "Table" and page.undo.isVisible())
    QTest.mouseClick(page.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.rows.value(0).is_own)


def test_a_newer_table_is_fetched_and_gone_back_from(
    qtbot: QtBot, page: PricesPage, window: Window, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "data.json").write_bytes(changed(gpt_6_1_sol={"input_mtok": 3, "output_mtok": 15}))
    page._commands.prices.source = str(tmp_path / "data.json")
    QTest.mouseClick(page.update_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page._list.is_fetched)
    assert page.update_button.isEnabled()
    (sold,) = (line for line in page._list.lines if (line.provider, line.model) == ("openai", "gpt-6.1-sol"))
    assert sold.amounts.made == 15
    QTest.mouseClick(page.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not page._list.is_fetched)
    assert load_book(ledger).table is bundled_book().table


def test_a_table_that_looks_wrong_is_taken_only_when_somebody_says_so(
    qtbot: QtBot, page: PricesPage, ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "data.json").write_bytes(changed(gpt_6_1_sol={"input_mtok": 0.01, "output_mtok": 0.01}))
    page._commands.prices.source = str(tmp_path / "data.json")
    page.update_table()
    qtbot.waitUntil(lambda: isinstance(page.dialog, ConcernsDialog))
    dialog = page.dialog
    assert isinstance(dialog, ConcernsDialog)
    assert dialog.table.model().rowCount() == 1
    assert load_book(ledger).table is bundled_book().table
    QTest.mouseClick(dialog.take_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page._list.is_fetched)


def test_a_table_that_cannot_be_fetched_is_told_and_nothing_changes(
    qtbot: QtBot, page: PricesPage, tmp_path: Path
) -> None:
    page._commands.prices.source = str(tmp_path / "missing.json")
    page.update_table()
    qtbot.waitUntil(lambda: "The prices cannot be read" in page.error.text)
    assert page.update_button.isEnabled()


def test_a_search_without_a_match_says_so_and_esc_clears_it(qtbot: QtBot, page: PricesPage) -> None:
    find(qtbot, page, "no such model")
    assert not page.table.isVisible()
    assert page._empty.isVisible()
    QTest.keyClick(page.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.rows.rowCount() > 1_000)


def test_each_of_thousands_of_texts_is_written_once_and_then_only_where_it_is_seen(
    qtbot: QtBot, theme: object, ledger: Ledger
) -> None:
    prices, written = read_prices(ledger, NOW), list[str]()

    def noted(column: Column[PriceLine]) -> Column[PriceLine]:
        def text(line: PriceLine) -> str:
            written.append(column.text(line))
            return written[-1]

        return replace(column, text=text)

    rows = Rows[PriceLine](list(map(noted, price_columns(Clock(NOW, ZONE)))), lambda line: line.key)
    table = Table(rows, name="Prices")
    qtbot.addWidget(table)
    table.resize(900, 600)
    table.show()
    rows.update(prices.lines)
    table.grab()
    cells, seen = len(prices.lines) * len(rows.columns), 600 // ROW_HEIGHT * len(rows.columns)
    assert len(prices.lines) > 1_500
    assert cells <= len(written) <= cells + 3 * seen
    del written[:]
    table.grab()
    assert 0 < len(written) <= seen


def test_columns_are_as_wide_as_the_longest_of_thousands(qtbot: QtBot, theme: object) -> None:
    lines = [PriceLine("openai", f"m{number}", Amounts(Decimal(number))) for number in range(3_000)]
    lines[2_900] = PriceLine("openai", "dear", Amounts(Decimal("999999.1234")))
    rows: Rows[PriceLine] = Rows(price_columns(Clock(NOW, ZONE)), lambda line: line.key)
    table = Table(rows, name="Prices")
    qtbot.addWidget(table)
    table.resize(900, 600)
    rows.update(lines)
    assert table.columnWidth(2) >= table.sizeHintForIndex(rows.index(2_900, 2)).width()


def test_rates_keep_the_decimals_that_count() -> None:
    told = {"3": "$3.00", "0": "$0.00", "0.0125": "$0.0125", "1234.5": "$1,234.50", "0.00001": "<$0.0001"}
    assert {amount: short_rate(Decimal(amount)) for amount in told} == told
    assert short_rate(Decimal(1) / 3) == "$0.3333"
    assert short_rate(None) == "—"


def test_every_word_of_a_search_has_to_stand_in_the_line() -> None:
    line = PriceLine("anthropic", "claude-haiku-4-5", source="Table")
    assert matches(line, "")
    assert matches(line, "Haiku ANTH")
    assert not matches(line, "haiku openai")


def test_what_has_no_price_is_counted_in_words() -> None:
    assert unpriced_words(0) == ""
    assert unpriced_words(2).startswith("2 models have no price.")
