"""The spend graph. What draws it is loaded once somebody looks: a tray at rest can do without the 40 MB of it."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from PySide6.QtCore import QEvent
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.desktop.formats import spoken_usd
from app.desktop.models.chart_range import Series

if TYPE_CHECKING:
    from app.desktop.widgets.spend_plot import SpendPlot


class SpendChart(QWidget):
    """Spend over time in one series."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: tuple[Series, ZoneInfo] | None = None
        self._plot: SpendPlot | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)

    def show_series(self, series: Series, zone: ZoneInfo) -> None:
        """Draw this series; nothing is drawn anew when it is the one shown."""
        if (series, zone) == self._shown:
            return
        self._shown = series, zone
        self.setAccessibleName(f"Spend, {series.range}: {spoken_usd(series.total_nano_usd)}")
        self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Somebody looks."""
        if self._plot is None:
            from app.desktop.widgets.spend_plot import SpendPlot

            self._plot = SpendPlot()
            self._column.addWidget(self._plot)
            self._draw()
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Draw in another theme's colours."""
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()
        super().changeEvent(event)

    def _draw(self) -> None:
        if self._plot is not None and self._shown is not None:
            self._plot.show_series(*self._shown)
