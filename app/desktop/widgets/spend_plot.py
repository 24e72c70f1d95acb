"""What draws the spend graph: a filled line for hours, bars for days; at most five labels an axis, no frame."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyqtgraph
from PySide6.QtGui import QColor, QFont

from app.core.money import NANO_PER_CENT, format_usd
from app.desktop.fonts import Size, sized
from app.desktop.formats import axis_usd, day, tooltip
from app.desktop.models.chart_range import ChartRange, Series
from app.desktop.theme import tokens_of

_LABELS = 5
_BAR_WIDTH = 0.66
_HEADROOM = 1.08
_NICE_STEPS = (1, 2, 5, 10)
_AXIS_WIDTH = 52
_BY_DAY = (ChartRange.WEEK, ChartRange.MONTH)


class SpendPlot(pyqtgraph.PlotWidget):  # type: ignore[misc]
    """Spend over time in one series."""

    def __init__(self) -> None:
        super().__init__(background=None)
        self._series: Series | None = None
        self._zone = ZoneInfo("UTC")
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setMouseEnabled(x=False, y=False)
        self.setFrameShape(self.Shape.NoFrame)
        self.getPlotItem().getViewBox().setDefaultPadding(0)
        self.getAxis("left").setWidth(_AXIS_WIDTH)
        self.scene().sigMouseMoved.connect(self._tell_column)

    def show_series(self, series: Series, zone: ZoneInfo) -> None:
        """Draw this series anew, in the colours that hold now."""
        self._series, self._zone = series, zone
        tokens = tokens_of(self)
        costs = [cost for _, cost in series.points]
        self.clear()
        self._draw_grid(max(costs, default=0))
        bar = QColor(tokens.bar)
        places = [float(place) for place in range(len(costs))]
        if series.range in _BY_DAY:
            self.addItem(
                pyqtgraph.BarGraphItem(x=places, height=costs, width=_BAR_WIDTH, brush=bar, pen=pyqtgraph.mkPen(None))
            )
        else:
            fill = QColor(bar)
            fill.setAlphaF(0.16)
            pen = pyqtgraph.mkPen(bar, width=1.5)
            self.plot(places, [float(cost) for cost in costs], pen=pen, fillLevel=0.0, brush=fill, antialias=True)
        self.setXRange(-0.6, len(costs) - 0.4, padding=0)
        self._label_times()

    def _draw_grid(self, highest: int) -> None:
        """Hairlines at round amounts, and the amounts beside them."""
        tokens = tokens_of(self)
        marks = round_marks(highest)
        for mark in marks:
            pen = pyqtgraph.mkPen(QColor(tokens.line if mark == 0 else tokens.grid), width=1)
            self.addItem(pyqtgraph.InfiniteLine(mark, angle=0, pen=pen))
        axis = self.getAxis("left")
        self._dress(axis)
        axis.setTicks([[(mark, axis_usd(mark)) for mark in marks]])
        self.setYRange(0, max(marks[-1], highest) * _HEADROOM, padding=0)

    def _label_times(self) -> None:
        assert self._series is not None
        starts = [start for start, _ in self._series.points]
        axis = self.getAxis("bottom")
        self._dress(axis)
        axis.setTicks([[(place, self._time_label(starts[place])) for place in label_places(len(starts))]])

    def _dress(self, axis: Any) -> None:
        axis.setPen(pyqtgraph.mkPen(None))
        axis.setTextPen(QColor(tokens_of(self).text_3))
        font: QFont = sized(Size.CAPTION)
        axis.setStyle(tickLength=0, tickFont=font, tickTextOffset=8, hideOverlappingLabels=False)

    def _time_label(self, start: datetime) -> str:
        assert self._series is not None
        local = start.astimezone(self._zone)
        if self._series.range in _BY_DAY:
            return day(local)
        return f"{local:%H:%M}"

    def _tell_column(self, position: Any) -> None:
        """The amount under the pointer, as a tooltip."""
        if self._series is None:
            return
        place = round(self.getPlotItem().getViewBox().mapSceneToView(position).x())
        if 0 <= place < len(self._series.points):
            start, cost = self._series.points[place]
            self.setToolTip(tooltip(f"{self._time_label(start)}: {format_usd(cost)}"))


def round_marks(highest: int) -> list[int]:
    """At most five round amounts from 0 up to the highest or over it, in nano-dollars."""
    step = NANO_PER_CENT
    while True:
        for nice in _NICE_STEPS:
            if step * nice * (_LABELS - 1) >= highest:
                return [step * nice * number for number in range(_LABELS)]
        step *= 10


def label_places(count: int) -> Sequence[int]:
    """Places of at most five labels, evenly spread from the first on."""
    if count == 0:
        return ()
    return range(0, count, max(1, -(-count // _LABELS)))
