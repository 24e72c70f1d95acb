"""Overview: what was spent in a stretch of time, when, where it went and what it bought."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from app.core.money import format_usd
from app.desktop.commands import Commands
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size
from app.desktop.models.chart_range import ChartRange, range_title
from app.desktop.models.columns import Clock
from app.desktop.models.overview_view import FigureWords, average_words, forecast_words, spent_words
from app.desktop.models.rows import Column, Rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.spend_view import Bucket, spend_view
from app.desktop.overview_reading import Overview, read_overview
from app.desktop.pages.page import MARGIN, Page
from app.desktop.pages.what_it_bought import WhatItBought
from app.desktop.pages.where_it_went import WhereItWent
from app.desktop.questions import GoOn
from app.desktop.widgets.buttons import Segments
from app.desktop.widgets.ground import Ground, Hairline, scrolling
from app.desktop.widgets.sections import empty_section
from app.desktop.widgets.spend_chart import SpendChart
from app.desktop.widgets.table import CELL_PAD, Table
from app.desktop.widgets.text import Figure, Text
from app.ledger.engine import Ledger

_LEAST_CHART, _CHART_ALONE, _ANY_HEIGHT = 190, 320, 16_777_215
_EMPTY_WIDTH = 420
_LIVE_MS = 1_000
_SLOW_MS = 300
_REST, _LEAST_REST_MS = 10, 500
"""However large a ledger is and however busy its agents are, reading takes a tenth of one core at most."""


class OverviewPage(Page):
    """It reads for itself while it is shown: when the ledger changed, and once a second for the live graph.
    `filter_asked` tells the scope and label of a row that was opened."""

    filter_asked = Signal(object, str)

    def __init__(self, commands: Commands, clock: Clock) -> None:
        super().__init__("Overview", has_line=False)
        self._clock = clock
        self._question = commands.questions.new(self, rest=_REST, least_rest_ms=_LEAST_REST_MS)
        self._snapshot: Snapshot | None = None
        self._snapshot_came = time.monotonic()
        self.overview: Overview | None = None
        self._range = ChartRange.MONTH
        self._live = QTimer(self, interval=_LIVE_MS)
        self._live.timeout.connect(self._read)
        self._slow = QTimer(self, interval=_SLOW_MS, singleShot=True)
        self._ranges = Segments([str(item) for item in ChartRange], self._range, name="Range")
        self._ranges.chosen.connect(lambda name: self.choose_range(ChartRange(name)))
        self.head.addWidget(self._ranges)
        self.spent = Figure("", size=Size.LARGE, weight=SEMIBOLD, level_with=Size.LARGE)
        self.forecast = Figure("", size=Size.TITLE, weight=MEDIUM, level_with=Size.LARGE)
        self.average = Figure("", size=Size.TITLE, weight=MEDIUM, level_with=Size.LARGE)
        self.chart, self.where, self.bought = SpendChart(), WhereItWent(), WhatItBought()
        self.buckets: Rows[Bucket] = Rows(_bucket_columns(), lambda bucket: bucket.label)
        self.nothing = Text("Nothing was spent in this period.", ink="text_2")
        self.reading_line = Ground("accent")
        self._empty, self._full, self._below = empty_section(), QWidget(), QWidget()
        self._chart_place = QStackedWidget()
        self._lay_out()
        self._slow.timeout.connect(self.reading_line.show)
        self.where.filter_asked.connect(self.filter_asked)
        QShortcut(QKeySequence("T"), self, self.toggle_table)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading; what only this page shows is read now."""
        self._snapshot, self._snapshot_came = snapshot, time.monotonic()
        self._clock.now = snapshot.read_at
        self._empty.setVisible(snapshot.is_empty)
        self._full.setVisible(not snapshot.is_empty and self.overview is not None)
        self._ranges.setVisible(not snapshot.is_empty)
        if self.overview is not None:
            self.chart.take_view(spend_view(self.overview, snapshot.caps))
            self.chart.draw()
        self._read()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read: no call was ever seen."""
        return self._snapshot is None or self._snapshot.is_empty

    def choose_range(self, chosen: ChartRange) -> None:
        """Show another stretch of time; the old one stays until it is read."""
        self._range = chosen
        self._ranges.take(chosen)
        self._slow.start()
        self._read(at_once=True)
        self._run_live()

    def toggle_table(self) -> None:
        """Show the graph as a table, or as a graph again."""
        self._chart_place.setCurrentIndex(1 - self._chart_place.currentIndex())

    def showEvent(self, event: QShowEvent) -> None:
        """Read what happened meanwhile."""
        super().showEvent(event)
        self._read()
        self._run_live()

    def hideEvent(self, event: QHideEvent) -> None:
        """Nothing is read while nobody looks."""
        super().hideEvent(event)
        self._run_live()

    def _run_live(self) -> None:
        if self._range is ChartRange.LIVE and self.isVisible():
            self._live.start()
        else:
            self._live.stop()

    def _read(self, *, at_once: bool = False) -> None:
        if not self.is_empty and self.isVisible():
            self._question.ask(self._prepare, self._show, self.error.tell, at_once=at_once)

    def _prepare(self) -> Callable[[Ledger, GoOn], Overview]:
        """What to read when its turn has come: the range as of then."""
        assert self._snapshot is not None
        chosen, now, zone = self._range, self._now(), self._snapshot.zone
        known = self.overview.agents if self.overview is not None else ()
        return lambda ledger, _go_on: read_overview(ledger, chosen, now, zone, known)

    def _show(self, overview: Overview) -> None:
        self._slow.stop()
        self.reading_line.hide()
        self.error.clear()
        self.overview = overview
        self.title.setText(range_title(overview.range, overview.read_at, overview.zone))
        self._full.show()
        _tell(self.spent, spent_words(overview))
        _tell(self.forecast, forecast_words(overview))
        _tell(self.average, average_words(overview))
        self._share_room()
        view = spend_view(overview, self._snapshot.caps if self._snapshot else ())
        self.chart.take_view(view)
        self.buckets.update(view.buckets)
        is_nothing = not overview.spent_nano_usd and not overview.unpriced_calls
        self.nothing.setVisible(is_nothing)
        self._below.setVisible(not is_nothing)
        self._chart_place.setVisible(not is_nothing or view.highest_nano_usd > 0)
        self._chart_place.setMaximumHeight(_CHART_ALONE if is_nothing else _ANY_HEIGHT)
        self.where.show_overview(overview)
        self.bought.show_overview(overview)
        self._column.activate()
        self.chart.draw()

    def _now(self) -> datetime:
        """The moment of the last reading, and what has passed since."""
        assert self._snapshot is not None
        return self._snapshot.read_at + timedelta(seconds=time.monotonic() - self._snapshot_came)

    def _lay_out(self) -> None:
        table = Table(self.buckets, name="Spend over time")
        for part in (self.chart, table):
            self._chart_place.addWidget(part)
        for words in (self.chart, self.nothing):
            words.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)  # level with the text in the table's cells
        self._chart_place.setMinimumHeight(_LEAST_CHART)
        self._chart_place.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        _keep_room(self.reading_line, 2)
        chart = QVBoxLayout()
        chart.setContentsMargins(MARGIN - CELL_PAD, 8, MARGIN - CELL_PAD, 4)
        self.nothing.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        chart.addWidget(self.nothing)
        chart.addWidget(self._chart_place, 1)
        chart.addStretch(0)
        below = QHBoxLayout(self._below)
        below.setContentsMargins(MARGIN - CELL_PAD, 12, MARGIN - CELL_PAD, 16)
        below.setSpacing(MARGIN)
        below.addWidget(self.where, 1)
        below.addWidget(self.bought)
        self._stack_up(chart)
        self._empty.setMaximumWidth(_EMPTY_WIDTH)
        empty = QVBoxLayout()
        empty.setContentsMargins(MARGIN - 16, 0, 0, 0)
        empty.addWidget(self._empty)
        self.content.addWidget(self.reading_line)
        self.content.addLayout(empty)
        self.content.addWidget(self._full, 1)
        self.content.addStretch(0)

    def _stack_up(self, chart: QVBoxLayout) -> None:
        inner = QWidget()
        self._column = column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._figures())
        column.addLayout(chart, 3)
        column.addWidget(Hairline())
        column.addWidget(self._below, 2)
        column.addStretch(0)
        full = QVBoxLayout(self._full)
        full.setContentsMargins(0, 0, 0, 0)
        full.addWidget(scrolling(inner))
        self._full.hide()

    def _figures(self) -> QHBoxLayout:
        """Side by side, each with as much room as its words are long."""
        self._row = QHBoxLayout()
        self._row.setContentsMargins(MARGIN, 0, MARGIN, 0)
        self._row.setSpacing(MARGIN)
        for figure in (self.spent, self.forecast, self.average):
            self._row.addWidget(figure)
        return self._row

    def _share_room(self) -> None:
        for place, figure in enumerate((self.spent, self.forecast, self.average)):
            self._row.setStretch(place, figure.whole_width())


def _keep_room(line: QWidget, height: int) -> None:
    """Hide it, and let nothing below it move when it is shown."""
    line.setFixedHeight(height)
    kept = line.sizePolicy()
    kept.setRetainSizeWhenHidden(True)
    line.setSizePolicy(kept)
    line.hide()


def _tell(figure: Figure, words: FigureWords | None) -> None:
    """Show a figure, or none where there is nothing to say."""
    figure.setVisible(words is not None)
    if words is not None:
        figure.show_amount(words.amount, caption=words.caption, hint=words.hint)


def _bucket_columns() -> list[Column[Bucket]]:
    return [
        Column("When", lambda one: one.label, ink="text", grows=True),
        Column("Spend", lambda one: format_usd(one.nano_usd), is_amount=True, ink="text", is_strong=True),
        Column(
            "Still to come", lambda one: format_usd(one.forecast_nano_usd) if one.forecast_nano_usd else "",
            is_amount=True, may_vanish=True,
        ),
    ]  # fmt: skip
