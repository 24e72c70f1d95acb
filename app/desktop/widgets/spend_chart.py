"""The spend graph. What draws it is loaded once somebody looks: a tray at rest can do without the 40 MB of it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.desktop.models.spend_view import SpendView
from app.desktop.widgets.swatches import Legend

if TYPE_CHECKING:
    from app.desktop.widgets.spend_plot import SpendPlot

_LEGEND_LEFT = 44


class SpendChart(QWidget):
    """Spend over time, and above it the names of what is told apart."""

    def __init__(self) -> None:
        super().__init__()
        self._view: SpendView | None = None
        self._is_due = False
        self.plot: SpendPlot | None = None
        self.legend = Legend(_LEGEND_LEFT)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self._column.addWidget(self.legend)

    def take_view(self, view: SpendView) -> None:
        """What is to be drawn, once, by `draw`: when all that changes with it has found its room."""
        if view == self._view:
            return
        self._view, self._is_due = view, True
        if self.plot is not None:
            self.plot.take_view(view)
        self.setAccessibleName(view.name)
        self.legend.show_names([(one.swatch, one.name) for one in view.series] if view.is_bars else [])

    def draw(self) -> None:
        """Draw what was taken; nothing is drawn anew when it stands there."""
        if self._is_due:
            self._column.activate()
            self._draw()

    def showEvent(self, event: QShowEvent) -> None:
        """Somebody looks."""
        if self.plot is None:
            from app.desktop.widgets.spend_plot import SpendPlot

            self.plot = SpendPlot()
            self._column.addWidget(self.plot, 1)
            if self._view is not None:
                self.plot.take_view(self._view)
            self._draw()
        super().showEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Draw in another theme's colours."""
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()
        super().changeEvent(event)

    def _draw(self) -> None:
        if self.plot is not None and self._view is not None:
            self._is_due = False
            self.plot.draw()
