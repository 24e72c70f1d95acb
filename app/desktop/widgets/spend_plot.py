"""What draws the spend graph: columns by agent for days and months, a filled line for hours; no frame."""

from collections.abc import Sequence
from html import escape
from typing import Any

import pyqtgraph
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QToolTip

from app.core.money import NANO_PER_CENT, format_usd
from app.desktop.fonts import Size, sized
from app.desktop.formats import axis_usd
from app.desktop.models.spend_view import Bucket, SpendView
from app.desktop.theme import tokens_of
from app.desktop.widgets.spend_columns import SpendColumns

_MARKS = 5
_WORDS_HEIGHT = 20
"""Pixels kept free above the highest mark, for the name of a cap."""
_AXIS_PAD = 14
_NICE_STEPS = (1, 2, 5, 10)
_LEAST_AXIS_WIDTH = 44
_FAR_ABOVE = 2.5
"""A cap so many times as high as the highest column is named, and not drawn: it would press the columns flat."""
_FILL_OPACITY = 0.16


class SpendPlot(pyqtgraph.PlotWidget):  # type: ignore[misc]
    """Spend over time. `hint_at` is what the pointer is told."""

    _view: SpendView | None = None
    _is_due = False
    _told: int | None = None

    def __init__(self) -> None:
        super().__init__(background=None)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setFrameShape(pyqtgraph.PlotWidget.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.getPlotItem().getViewBox().setDefaultPadding(0)
        self.scene().sigMouseMoved.connect(self._tell_bucket)

    def take_view(self, view: SpendView) -> None:
        """What is to be drawn: by `draw`, once whatever else changes with it has found its room."""
        self._view, self._told, self._is_due = view, None, True

    def draw(self) -> None:
        """Draw what was taken."""
        self._is_due = False
        if self._view is not None:
            self._draw()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Words keep their size, so what is around them changes. (pyqtgraph calls this itself, without an event.)"""
        super().resizeEvent(event)
        if not self._is_due:
            self.draw()

    def hint_at(self, place: int) -> str:
        """One column's parts as a table, in markup; empty where there is no column."""
        if self._view is None or not 0 <= place < len(self._view.buckets):
            return ""
        bucket = self._view.buckets[place]
        rows = [
            (one.name, part) for one, part in reversed(list(zip(self._view.series, bucket.parts, strict=True))) if part
        ]
        rows = rows if len(rows) > 1 else []
        rows += [("In all" if rows else "Spent", bucket.nano_usd)] if bucket.nano_usd or not _is_ahead(bucket) else []
        rows += [("Forecast, still to come", bucket.forecast_nano_usd)] if _is_ahead(bucket) else []
        cells = "".join(
            f"<tr><td>{escape(name)}</td><td align='right'>&nbsp;&nbsp;{format_usd(nano_usd)}</td></tr>"
            for name, nano_usd in rows
        )
        return f"<table><tr><td colspan='2'><b>{escape(bucket.label)}</b></td></tr>{cells}</table>"

    def _draw(self) -> None:
        assert self._view is not None
        self.clear()
        highest = self._view.highest_nano_usd
        self._draw_grid(max([highest, *(limit for limit, _ in self._view.caps if limit <= highest * _FAR_ABOVE)]))
        if self._view.is_bars:
            self.addItem(SpendColumns(self._view, tokens_of(self)))
            self._name_forecast()
        else:
            self._draw_line()
        self._draw_caps()
        self.setXRange(-0.5, len(self._view.buckets) - 0.5, padding=0)
        axis = self.getAxis("bottom")
        self._dress(axis)
        axis.setTicks([list(self._view.ticks)])
        self.getPlotItem().layout.activate()  # now, and not once it is painted: it would be painted again

    def _draw_line(self) -> None:
        """All agents in one line; of more points than pixels, the highest and lowest of each pixel are drawn."""
        assert self._view is not None
        bar = QColor(tokens_of(self).bar)
        fill = QColor(bar)
        fill.setAlphaF(_FILL_OPACITY)
        places, heights = peaks([bucket.nano_usd for bucket in self._view.buckets], max(1, self.width()))
        is_fine = len(places) < len(self._view.buckets)  # so many strokes of a broad, smooth pen take a second
        pen = pyqtgraph.mkPen(bar, width=1 if is_fine else 1.5)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)  # strokes that overlapped would show as dots
        line = self.plot(places, heights, pen=pen, fillLevel=0.0, brush=fill, antialias=not is_fine)
        line.curve.setSegmentedLineMode("on")  # stroke by stroke: a third of the time of one long path

    def _draw_grid(self, highest: int) -> None:
        """Hairlines at round amounts, and the amounts beside them."""
        tokens = tokens_of(self)
        marks = round_marks(highest)
        for mark in marks:
            pen = pyqtgraph.mkPen(QColor(tokens.line if mark == 0 else tokens.grid), width=1)
            self.addItem(pyqtgraph.InfiniteLine(mark, angle=0, pen=pen))
        axis = self.getAxis("left")
        self._dress(axis)
        words = [axis_usd(mark) for mark in marks]
        axis.setTicks([list(zip(marks, words, strict=True))])
        metrics = QFontMetrics(sized(Size.CAPTION))
        axis.setWidth(max(_LEAST_AXIS_WIDTH, *(metrics.horizontalAdvance(one) + _AXIS_PAD for one in words)))
        room = max(_WORDS_HEIGHT, self.getPlotItem().getViewBox().height() - _WORDS_HEIGHT)
        self.setYRange(0, max(marks[-1], highest) * (1 + _WORDS_HEIGHT / room), padding=0)

    def _draw_caps(self) -> None:
        """A dashed line at each cap, named on it; one that is far above is named only."""
        assert self._view is not None
        tokens, top = tokens_of(self), self.getPlotItem().getViewBox().viewRange()[1][1]
        for limit, words in self._view.caps:
            is_seen = limit <= top
            text = pyqtgraph.TextItem(words if is_seen else f"{words}, far above", anchor=(1, 1 if is_seen else 0))
            text.setColor(QColor(tokens.at_text if is_seen else tokens.text_3))
            text.setFont(sized(Size.CAPTION))
            text.setPos(len(self._view.buckets) - 0.5, limit if is_seen else top)
            self.addItem(text)
            if is_seen:
                pen = pyqtgraph.mkPen(QColor(tokens.at), width=1, style=Qt.PenStyle.DashLine)
                self.addItem(pyqtgraph.InfiniteLine(limit, angle=0, pen=pen))

    def _name_forecast(self) -> None:
        """The word over the first column that is nothing but forecast."""
        assert self._view is not None
        ahead = [number for number, one in enumerate(self._view.buckets) if _is_ahead(one) and not one.nano_usd]
        if not ahead:
            return
        highest = max(self._view.buckets[number].forecast_nano_usd for number in ahead[:4])
        text = pyqtgraph.TextItem("forecast", anchor=(0, 1))
        text.setColor(QColor(tokens_of(self).text_2))
        text.setFont(sized(Size.CAPTION))
        text.setPos(ahead[0] - 0.4, highest)
        self.addItem(text)

    def _dress(self, axis: Any) -> None:
        axis.setPen(pyqtgraph.mkPen(None))
        axis.setTickPen(pyqtgraph.mkPen(None))
        axis.setTextPen(QColor(tokens_of(self).text_3))
        font: QFont = sized(Size.CAPTION)
        axis.setStyle(tickLength=0, tickFont=font, tickTextOffset=8, hideOverlappingLabels=False)

    def _tell_bucket(self, position: Any) -> None:
        """The parts of the column under the pointer, at once."""
        place = round(self.getPlotItem().getViewBox().mapSceneToView(position).x())
        hint = self.hint_at(place)
        self.setToolTip(hint)
        if hint and place != self._told:
            at = self.mapToGlobal(position.toPoint() + QPoint(12, 12))
            QToolTip.showText(at, hint, self)
        self._told = place


def _is_ahead(bucket: Bucket) -> bool:
    return bucket.forecast_nano_usd > 0


def peaks(heights: Sequence[int], most: int) -> tuple[list[float], list[float]]:
    """Places and heights to draw: of more than two points a pixel, the lowest and the highest of each."""
    step = len(heights) // most
    if step <= 2:
        return [float(place) for place in range(len(heights))], [float(height) for height in heights]
    chunks = [heights[first : first + step] for first in range(0, len(heights), step)]
    places = [float(number * step + half) for number in range(len(chunks)) for half in (0, step // 2)]
    return places, [float(edge) for chunk in chunks for edge in (min(chunk), max(chunk))]


def round_marks(highest: int) -> list[int]:
    """At most five round amounts from 0 up to the highest or over it, in nano-dollars."""
    step = NANO_PER_CENT
    while True:
        for nice in _NICE_STEPS:
            if step * nice * (_MARKS - 1) >= highest:
                return [step * nice * number for number in range(max(1, -(-highest // (step * nice))) + 1)]
        step *= 10
