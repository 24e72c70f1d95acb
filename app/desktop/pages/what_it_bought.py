"""What it bought: tokens by class, and what each class came to."""

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.core.money import format_usd
from app.desktop.formats import spoken_usd, token_count
from app.desktop.models.rows import Column, Rows, Swatch
from app.desktop.overview_reading import Overview
from app.desktop.widgets.swatches import WholeBar
from app.desktop.widgets.table import CELL_PAD, Table
from app.desktop.widgets.text import heading
from app.insight.overview import TOKENS, ClassSpend, TokenClass

_HEAD_HEIGHT = 28
_WIDTH, _LEAST_WIDTH = 312, 236
_STEPS = (1.0, 0.78, 0.60, 0.45, 0.33, 0.22)
SWATCHES = {kind: Swatch("bar", step, is_square=True) for kind, step in zip(TokenClass, _STEPS, strict=False)} | {
    TokenClass.UNTOLD: Swatch("edge", is_square=True)
}
_BY_LIST = "The cost of each model, shared out as its list prices weigh its tokens."
_HINTS = {
    TokenClass.REASONING: f"Output that the model thought and did not say. {_BY_LIST}",
    TokenClass.UNTOLD: "Calls of models without a list price, and calls that told no tokens.",
}


class WhatItBought(QWidget):
    """A bar of the classes, and a row for each."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = WholeBar()
        self.rows: Rows[ClassSpend] = Rows(_columns(), lambda one: one.kind)
        self.table = Table(self.rows, name="Spend by class of tokens", fits_content=True)
        self.setMinimumWidth(_LEAST_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._lay_out()

    def sizeHint(self) -> QSize:
        """As wide as classes, tokens and amounts like to be."""
        return QSize(_WIDTH, super().sizeHint().height())

    def show_overview(self, overview: Overview) -> None:
        """Show this reading."""
        told = ", ".join(f"{one.kind} {spoken_usd(one.nano_usd)}" for one in overview.classes if one.nano_usd)
        self.bar.show_parts(
            [(SWATCHES[one.kind], one.nano_usd or 0) for one in overview.classes], f"What it bought: {told}"
        )
        self.rows.update(overview.classes)

    def _lay_out(self) -> None:
        title = heading("What it bought")
        title.setFixedHeight(_HEAD_HEIGHT)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        top = QVBoxLayout()
        top.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)
        top.setSpacing(4)
        top.addWidget(title)
        top.addWidget(self.bar)
        column.addLayout(top)
        column.addSpacing(4)
        column.addWidget(self.table)
        column.addStretch(1)


def _columns() -> list[Column[ClassSpend]]:
    return [
        Column(
            "Class", lambda one: one.kind, ink="text", grows=True, swatch=lambda one: SWATCHES[one.kind], hint=_hint
        ),
        Column("Tokens", _count, is_amount=True),
        Column("Spend", lambda one: format_usd(one.nano_usd), is_amount=True, ink="text", is_strong=True, hint=_hint),
    ]


def _count(one: ClassSpend) -> str:
    """Tokens; searches are counted and not weighed, and what is not told apart has no count."""
    if one.kind in TOKENS:
        return token_count(one.count)
    return f"{one.count:,} times" if one.count else ""


def _hint(one: ClassSpend) -> str:
    if one.nano_usd is None:
        return "What these tokens cost is not told apart: their models have no list price."
    return _HINTS.get(one.kind, _BY_LIST)
