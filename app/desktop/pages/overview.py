"""Overview: what was spent, when, and on which calls."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.call import Call
from app.core.money import UNKNOWN
from app.desktop.fonts import MEDIUM, Size
from app.desktop.formats import plural, rate, sum_text
from app.desktop.models.chart_range import ChartRange, range_title
from app.desktop.models.columns import Clock, call_columns
from app.desktop.models.rows import Rows
from app.desktop.models.session_view import id_of
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.page import MARGIN, Page
from app.desktop.pages.where_it_went import WhereItWent
from app.desktop.questions import Questions
from app.desktop.widgets.buttons import Segments
from app.desktop.widgets.ground import Hairline
from app.desktop.widgets.sections import empty_section
from app.desktop.widgets.spend_chart import SpendChart
from app.desktop.widgets.table import OpeningTable
from app.desktop.widgets.text import Figure, Text
from app.ledger.spend import Spend

CHART_HEIGHT = 220
_EMPTY_WIDTH = 420
_ROOM_FOR = {"ms": 960, "Cached": 860}
"""How wide the page has to be for a column of the calls; else names would be cut to their first letters."""


class OverviewPage(Page):
    """Figures, the graph with its ranges, and the newest calls. `range_chosen` asks for another stretch of time,
    `session_asked` for the session of a call."""

    range_chosen = Signal(object)
    session_asked = Signal(object)

    def __init__(self, questions: Questions, snapshot_clock: Clock) -> None:
        super().__init__("Overview", has_line=False)
        self._clock = snapshot_clock
        self.rows: Rows[Call] = Rows(call_columns(self._clock), lambda call: call.call_id)
        self.table = OpeningTable(self.rows, name="Calls, newest first")
        self.table.opened.connect(lambda call: self.session_asked.emit(id_of(call.tags)))
        self.chart = SpendChart()
        self.chart.setFixedHeight(CHART_HEIGHT)
        self._today = Figure("today", size=Size.LARGE)
        self._month = Figure("this month", size=Size.TITLE, weight=MEDIUM)
        self._now = Figure("now, over the last 10 minutes", size=Size.TITLE, weight=MEDIUM)
        self._nothing = Text("Nothing was spent in this period.", ink="text_3", size=Size.CAPTION)
        self._count = Text("newest first", ink="text_3", size=Size.CAPTION)
        self.where = WhereItWent(questions, self.table, self._count)
        self._ranges = Segments([str(item) for item in ChartRange], ChartRange.MONTH, name="Range")
        self._ranges.chosen.connect(self._choose)
        self.head.addWidget(self._ranges)
        self._empty, self._full = empty_section(), QWidget()
        self._empty.setMaximumWidth(_EMPTY_WIDTH)
        self._lay_out()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave columns out where there is no room for them."""
        self.table.hide_columns(frozenset(title for title, least in _ROOM_FOR.items() if self.width() < least))
        super().resizeEvent(event)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading."""
        self._clock.now = snapshot.read_at
        self.title.setText(range_title(snapshot.series.range, snapshot.read_at, snapshot.zone))
        self._empty.setVisible(snapshot.is_empty)
        self._full.setVisible(not snapshot.is_empty)
        self._show_sum(self._today, snapshot.today, f"today, {plural(snapshot.today.calls, 'call')}")
        self._show_sum(self._month, snapshot.month, f"this month, {plural(snapshot.month.calls, 'call')}")
        self._now.show_amount(UNKNOWN if snapshot.trouble else rate(snapshot.rate_nano_usd))
        self.chart.show_series(snapshot.series, snapshot.zone)
        self._nothing.setVisible(snapshot.series.total_nano_usd == 0)
        self.rows.update(snapshot.calls)
        self.where.show_snapshot(snapshot)
        self._ranges.take(snapshot.series.range)

    def _show_sum(self, figure: Figure, spend: Spend, caption: str) -> None:
        unpriced = f"and {plural(spend.unpriced_calls, 'call')} without a price" if spend.unpriced_calls else ""
        figure.show_amount(sum_text(spend.cost_nano_usd, spend.unpriced_calls), caption=caption, hint=unpriced)

    def _choose(self, name: str) -> None:
        self.range_chosen.emit(ChartRange(name))

    def _lay_out(self) -> None:
        figures = QHBoxLayout()
        figures.setContentsMargins(MARGIN, 0, MARGIN, 12)
        figures.setSpacing(MARGIN * 2)
        for figure in (self._today, self._month, self._now):
            figures.addWidget(figure)
        figures.addStretch(1)
        chart = QVBoxLayout()
        chart.setContentsMargins(MARGIN - 8, 0, MARGIN, 8)
        chart.addWidget(self.chart)
        self._nothing.setIndent(MARGIN * 2)
        chart.addWidget(self._nothing)
        column = QVBoxLayout(self._full)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(figures)
        column.addLayout(chart)
        column.addWidget(Hairline())
        column.addWidget(self.where, 1)
        empty = QVBoxLayout()
        empty.setContentsMargins(MARGIN - 16, 0, 0, 0)
        empty.addWidget(self._empty)
        self.content.addLayout(empty)
        self.content.addWidget(self._full, 1)
        self.content.addStretch(0)
