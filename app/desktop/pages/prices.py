"""Prices: models without one first, then one's own, then the table; search, a price of one's own, a newer table."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.core.errors import AppError
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.formats import day
from app.desktop.models.columns import Clock
from app.desktop.models.price_columns import matches, price_columns, unpriced_words
from app.desktop.models.rows import Rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.page import MARGIN, Page
from app.desktop.pages.price_dialogs import ConcernsDialog, OwnPriceDialog
from app.desktop.pages.section import empty_words
from app.desktop.widgets.buttons import button
from app.desktop.widgets.table import CELL_PAD, Table
from app.desktop.widgets.text import Text
from app.desktop.widgets.undo_bar import UndoBar
from app.ledger.price_store import FetchedTable
from app.pricing.overrides import PriceOverride
from app.pricing.wording import calls_of
from app.services.price_list import PriceLine, PriceList
from app.services.price_updates import Update

_SEARCH_WIDTH, _LEAST_SEARCH_WIDTH = 260, 120
_NONE = PriceList((), None, "", False)


class PricesPage(Page):
    """Read when it is opened and after each change from here."""

    def __init__(self, commands: Commands, clock: Clock) -> None:
        super().__init__("Prices")
        self._commands = commands
        self._clock = clock
        self._list = _NONE
        self.rows: Rows[PriceLine] = Rows(price_columns(clock), lambda line: line.key)
        self.table = Table(self.rows, name="Prices for a million tokens")
        self.search = QLineEdit()
        self.warning = Text("", ink="near_text")
        self._age = Text("", ink="text_2")
        self._empty = empty_words("No price matches.")
        self.remove_button = button("Remove own price", self.remove_own, kind="destructive")
        self.set_button = button("Set a price…", self.open_set)
        self.update_button = button("Update now", self.update_table, kind="primary")
        self.undo = UndoBar()
        self.dialog: OwnPriceDialog | ConcernsDialog | None = None
        self._lay_out()
        self._make_keys()
        self.search.textChanged.connect(self._filter)
        self.table.selectionModel().selectionChanged.connect(self._show_buttons)
        self.table.doubleClicked.connect(lambda _index: self.open_set())
        self._show_list(_NONE)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Prices are no part of a reading; only the clock moves."""
        self._clock.now = snapshot.read_at

    def showEvent(self, event: QShowEvent) -> None:
        """Read the prices as they are now."""
        super().showEvent(event)
        self.read()

    def read(self) -> None:
        """Read all prices; the old ones stay until then."""
        self._commands.prices.read(self._show_list, self.error.tell)

    def create_new(self) -> None:
        """A price for a model that is typed."""
        self._open_set(None)

    def open_set(self) -> None:
        """Set a price for the selected line, or for a model that is typed."""
        self._open_set(self.table.selected())

    def remove_own(self) -> None:
        """Take the selected price of one's own away; it can be undone for ten seconds."""
        line: PriceLine | None = self.table.selected()
        if line is None or line.override is None:
            return
        override = line.override
        self.error.clear()
        self._commands.prices.remove_own(override.override_id, lambda: self._removed(override), self.error.tell)

    def update_table(self) -> None:
        """Fetch a newer table; where its prices look wrong, ask first."""
        self.error.clear()
        self._wait("The prices are fetched")
        self._commands.prices.fetch(self._fetched, self._not_fetched)

    def _open_set(self, line: PriceLine | None) -> None:
        self.error.clear()
        dialog = OwnPriceDialog(self._commands, line, self)
        dialog.was_set.connect(self._was_set)
        self.dialog = dialog
        dialog.open()

    def _was_set(self, override: PriceOverride) -> None:
        """Undoing brings back the price that this one took the place of."""
        before = next((line.override for line in self._list.lines if _is_for_same(line.override, override)), None)

        def take_back() -> None:
            prices, tell = self._commands.prices, self.error.tell
            if before is None:
                prices.remove_own(override.override_id, self.read, tell)
            else:
                prices.restore_own(before.override_id, self.read, tell)

        self.undo.offer(f"The price for {calls_of(override)} is set.", take_back)
        self.read()

    def _removed(self, override: PriceOverride) -> None:
        self.undo.offer(f"Your price for {calls_of(override)} is removed.", self._restorer(override))
        self.read()

    def _restorer(self, override: PriceOverride) -> Callable[[], None]:
        return lambda: self._commands.prices.restore_own(override.override_id, self.read, self.error.tell)

    def _fetched(self, update: Update) -> None:
        if not update.concerns:
            self._accept(update)
            return
        self._wait("")
        self.dialog = ConcernsDialog(update, lambda: self._accept(update), self)
        self.dialog.open()

    def _accept(self, update: Update) -> None:
        self._commands.prices.accept(update, lambda table: self._in_force(update, table), self._not_fetched)

    def _in_force(self, update: Update, _table: FetchedTable) -> None:
        self._wait("")
        words = f"In force: prices of {update.models:,} models."
        self.undo.offer(words, lambda: self._commands.prices.undo_update(self.read, self.error.tell))
        self.read()

    def _not_fetched(self, error: AppError) -> None:
        self._wait("")
        self.error.tell(error)

    def _wait(self, why: str) -> None:
        self.update_button.setEnabled(not why)
        self.update_button.setToolTip(why)

    def _show_list(self, prices: PriceList) -> None:
        self._list = prices
        as_of = prices.as_of
        known = "" if as_of is None else f"Prices from {day(as_of.astimezone(self._clock.zone))}."
        self._age.setText(known or ("How old the prices are is not known." if prices.lines else ""))
        self._age.setToolTip(prices.version)
        self.warning.setText(unpriced_words(prices.unpriced))
        self.warning.setVisible(bool(prices.unpriced))
        self._filter()

    def _filter(self, *_ignored: object) -> None:
        """Show what the search finds; the selected line stays selected while it is there."""
        chosen: PriceLine | None = self.table.selected()
        found = [line for line in self._list.lines if matches(line, self.search.text())]
        self.rows.update(found)
        keys = [line.key for line in found]
        if chosen is not None and chosen.key in keys:
            self.table.selectRow(keys.index(chosen.key))
        self.table.setVisible(bool(found))
        self._empty.setVisible(not found and bool(self._list.lines))
        self._show_buttons()

    def _show_buttons(self, *_ignored: object) -> None:
        """Only an own price can be removed."""
        line: PriceLine | None = self.table.selected()
        is_own = line is not None and line.override is not None
        self.remove_button.setVisible(is_own)
        self.set_button.setText("Change price…" if is_own else "Set a price…")

    def _make_keys(self) -> None:
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        for keys in ("Ctrl+F", "/"):
            QShortcut(QKeySequence(keys), self.table if keys == "/" else self, self.search.setFocus, context=within)
        for key, act in ((Qt.Key.Key_Return, self.open_set), (Qt.Key.Key_Delete, self.remove_own)):
            QShortcut(QKeySequence(key), self.table, act, context=Qt.ShortcutContext.WidgetShortcut)
        QShortcut(QKeySequence("Ctrl+Z"), self, self.undo.take_back)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self.search, self.search.clear, context=within)

    def _lay_out(self) -> None:
        self.search.setPlaceholderText("Search models")
        self.search.setAccessibleName("Search models and providers")
        self.search.setMinimumWidth(_LEAST_SEARCH_WIDTH)
        self.search.setMaximumWidth(_SEARCH_WIDTH)
        self.head.addWidget(self._age)
        self.head.addSpacing(8)
        self.head.addWidget(self.update_button)
        tools = QHBoxLayout()
        tools.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)
        tools.setSpacing(8)
        tools.addWidget(self.search, 1)
        tools.addWidget(Text("Dollars for a million tokens", ink="text_3", size=Size.CAPTION))
        tools.addStretch(0)
        tools.addWidget(self.remove_button)
        tools.addWidget(self.set_button)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN - CELL_PAD, 16, MARGIN - CELL_PAD, 0)
        column.setSpacing(10)
        self.warning.setContentsMargins(CELL_PAD, 0, 0, 0)
        column.addLayout(tools)
        column.addWidget(self.warning)
        column.addWidget(self.table, 1)
        column.addWidget(self._empty)
        column.addStretch(0)
        self.content.addWidget(inner, 1)
        self.content.addWidget(self.undo)


def _is_for_same(older: PriceOverride | None, newer: PriceOverride) -> bool:
    """Whether a price is for the same calls and the same time, so that the newer one takes its place."""
    if older is None or (older.starts_at, older.ends_at) != (newer.starts_at, newer.ends_at):
        return False
    names = ((older.provider, newer.provider), (older.model, newer.model), (older.host, newer.host))
    return all(one.lower() == other.lower() for one, other in names)
