"""The calls of one session, and one call with all that is known of it."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.fonts import MEDIUM, Size
from app.desktop.formats import cost_text, plural
from app.desktop.models.call_view import (
    call_facts,
    cap_columns,
    caps_words,
    cost_sentence,
    resent_words,
    token_columns,
    token_lines,
    tool_columns,
)
from app.desktop.models.columns import Clock
from app.desktop.models.rows import Column, Rows
from app.desktop.models.session_columns import session_call_columns
from app.desktop.pages.page import MARGIN
from app.desktop.pages.section import caption
from app.desktop.session_reading import CallReading, CallsReading
from app.desktop.widgets.ground import clear, scrolling
from app.desktop.widgets.table import CELL_PAD, OpeningTable, Table
from app.desktop.widgets.text import ElidedText, Text, heading
from app.ledger.session_calls import CallOrder, CallWish, NumberedCall

_TEXT_WIDTH = 560
_TABLE_WIDTH = 620
_NAME_WIDTH = 84


class SessionCallsView(QWidget):
    """The table of calls. `opened` tells the one that is to be looked at."""

    opened = Signal(object)

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.rows: Rows[NumberedCall] = Rows(session_call_columns(clock), lambda one: one.call.call_id)
        self.rows.setParent(self)
        self.table = OpeningTable(self.rows, name="Calls of this session")
        self.table.opened.connect(self.opened)
        self._words = Text("", ink="text_2", size=Size.CAPTION)
        self._words.setContentsMargins(CELL_PAD, 0, 0, 4)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN - CELL_PAD, 0, MARGIN - CELL_PAD, 0)
        column.setSpacing(0)
        column.addWidget(self._words)
        column.addWidget(self.table, 1)

    def show_calls(self, reading: CallsReading, wish: CallWish) -> None:
        """Show what was read of these calls."""
        found = reading.found
        self.rows.update(found.calls)
        self.rows.has_more = len(found.calls) < found.count
        self._words.setText(
            f"{plural(found.count, 'call')}, {order_words(wish)} first" if found.count else "No call yet"
        )

    @property
    def words(self) -> str:
        """What stands over the table."""
        return self._words.text()


class CallDetail(QWidget):
    """One call: what it was, its tokens, the tools it called, the caps it counts in."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._shown: object = None
        self._body = QVBoxLayout()
        self._body.setSpacing(4)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN - CELL_PAD, 0, MARGIN, MARGIN)
        column.addLayout(self._body)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolling(inner))

    def show_call(self, reading: CallReading) -> None:
        """Show this call; made anew only when it says something else."""
        if reading == self._shown:
            return
        self._shown = reading
        call = reading.numbered.call
        clear(self._body)
        cost = Text(cost_text(call), size=Size.TITLE, weight=MEDIUM)
        said = Text(cost_sentence(call), ink="text_2", wraps=True)
        said.setMaximumWidth(_TEXT_WIDTH)
        for words in (cost, said):
            words.setContentsMargins(CELL_PAD, 0, 0, 0)
            self._body.addWidget(words)
        self._body.addSpacing(12)
        sent_again = resent_words(reading.given) if reading.given else ""
        facts = call_facts(call, self._clock)
        self._body.addLayout(_facts([*facts, *([("Sent again", sent_again)] if sent_again else [])]))
        self._add_table("Tokens", token_columns(), token_lines(call, reading.rates), "")
        if reading.tools:
            self._add_table("Tools it called", tool_columns(), list(reading.tools), "")
        self._add_table("Caps", cap_columns(), list(reading.caps), caps_words(call, is_imported=reading.is_imported))

    def forget(self) -> None:
        """Show nothing until another call is read."""
        self._shown = None
        clear(self._body)

    @property
    def words(self) -> str:
        """All that it says, for tests and for copying."""
        labels = [label for label in self.findChildren(Text) if not label.isHidden()]
        return "\n".join(label.text() for label in labels)

    def _add_table(self, name: str, columns: Sequence[Column[Any]], values: list[Any], nothing: str) -> None:
        self._body.addSpacing(20)
        title = heading(name)
        title.setContentsMargins(CELL_PAD, 0, 0, 0)
        self._body.addWidget(title)
        if not values:
            self._body.addWidget(caption(nothing))
            return
        rows: Rows[Any] = Rows(columns, lambda value: value)
        table = Table(rows, name=name, fits_content=True)
        rows.setParent(table)
        rows.update(values)
        table.setFixedWidth(_TABLE_WIDTH)
        box = QHBoxLayout()
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(table)
        box.addStretch(1)
        self._body.addLayout(box)


def order_words(wish: CallWish) -> str:
    """How the calls are ordered."""
    return "newest" if wish.order is CallOrder.NEWEST else f"those with {wish.order}".replace("with dearest", "dearest")


def _facts(facts: list[tuple[str, str]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setContentsMargins(CELL_PAD, 0, 0, 0)
    grid.setHorizontalSpacing(12)
    grid.setVerticalSpacing(4)
    grid.setColumnMinimumWidth(0, _NAME_WIDTH)
    grid.setColumnStretch(1, 1)
    for place, (name, words) in enumerate(facts):
        grid.addWidget(Text(name, ink="text_3"), place, 0)
        grid.addWidget(ElidedText(words), place, 1)
    return grid
