"""Where it went: what each agent, project, team, user or model came to, its share, and how that changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.core.tags import Scope
from app.desktop.formats import plural, sum_text
from app.desktop.models.overview_view import SCOPE_WORDS, change_words, label_word, share_words
from app.desktop.models.rows import Column, Rows, Swatch
from app.desktop.models.spend_view import swatches_of
from app.desktop.overview_reading import Overview
from app.desktop.widgets.buttons import Segments
from app.desktop.widgets.table import CELL_PAD, HEADER_HEIGHT, ROW_HEIGHT, OpeningTable
from app.desktop.widgets.text import heading
from app.insight.overview import LabelShare

_LEAST_ROWS = 4


@dataclass(frozen=True, slots=True)
class ShareRow:
    """One label. `bar` is its spend against the dearest one's."""

    by: Scope
    share: LabelShare
    swatch: Swatch | None
    bar: float

    @property
    def name(self) -> str:
        """Its label, or what stands for none."""
        return label_word(self.by, self.share.label)


class WhereItWent(QWidget):
    """`filter_asked` tells the scope and the label of a row that was opened; one without a label opens nothing."""

    filter_asked = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self._overview: Overview | None = None
        self._by = Scope.AGENT
        self.choice = Segments(SCOPE_WORDS, Scope.AGENT.value.capitalize(), name="Where it went, by")
        self.choice.chosen.connect(self._choose)
        self.rows = {by: Rows(_columns(by), lambda row: row.share.label) for by in SCOPE_WORDS.values()}
        self.tables = {by: OpeningTable(rows, name=f"Spend by {by.value}") for by, rows in self.rows.items()}
        self._stack = QStackedWidget()
        for table in self.tables.values():
            table.opened.connect(self._open)
            self._stack.addWidget(table)
        self._stack.setMinimumHeight(HEADER_HEIGHT + _LEAST_ROWS * ROW_HEIGHT)
        self._stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self._lay_out()

    def show_overview(self, overview: Overview) -> None:
        """Show this reading by what is chosen."""
        self._overview = overview
        self._render()

    def _choose(self, word: str) -> None:
        self._by = SCOPE_WORDS[word]
        self._render()

    def _render(self) -> None:
        if self._overview is not None:
            shares = self._overview.shares[self._by]
            swatches = swatches_of(self._overview) if self._by is Scope.AGENT else {}
            self.rows[self._by].update(_share_rows(self._by, shares, swatches))
        self._stack.setCurrentWidget(self.tables[self._by])

    def _open(self, row: ShareRow) -> None:
        if row.share.label:
            self.filter_asked.emit(row.by, row.share.label)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(CELL_PAD, 0, CELL_PAD, 4)
        head.setSpacing(12)
        head.addWidget(heading("Where it went"))
        head.addStretch(1)
        head.addWidget(self.choice)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self._stack, 1)


def _share_rows(by: Scope, shares: tuple[LabelShare, ...], swatches: Mapping[str, Swatch]) -> list[ShareRow]:
    most = max((one.nano_usd for one in shares), default=0)
    return [
        ShareRow(by, one, swatches.get(one.label) if by is Scope.AGENT else None, one.nano_usd / most if most else 0.0)
        for one in shares
    ]


def _columns(by: Scope) -> list[Column[ShareRow]]:
    sign = (lambda row: row.swatch) if by is Scope.AGENT else None
    return [
        Column(
            by.value.capitalize(), lambda row: row.name, ink="text", gives_way=True, hint=_name, swatch=sign,
            ink_of=lambda row: "text" if row.share.label else "text_3",
        ),
        Column("", lambda _row: "", grows=True, bar=lambda row: row.bar, hint=_name),
        Column("Spend", _spend, is_amount=True, ink="text", is_strong=True, hint=_unpriced),
        Column("Share", lambda row: share_words(row.share), is_amount=True),
        Column("Change", lambda row: change_words(row.share), is_amount=True, may_vanish=True, hint=_before),
    ]  # fmt: skip


def _name(row: ShareRow) -> str:
    return row.name


def _spend(row: ShareRow) -> str:
    return sum_text(row.share.nano_usd, row.share.unpriced_calls)


def _unpriced(row: ShareRow) -> str:
    count = row.share.unpriced_calls
    return f"and {plural(count, 'call')} without a price" if count else ""


def _before(row: ShareRow) -> str:
    before = row.share.before_nano_usd
    return "" if before is None else f"{sum_text(before, 0)} before"
