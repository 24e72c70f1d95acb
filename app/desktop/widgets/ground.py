"""Grounds that other widgets stand on, and the hairlines between them."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget

from app.desktop.theme import tokens_of


class Ground(QWidget):
    """A plain area in one token's colour."""

    def __init__(self, token: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._token = token

    def paintEvent(self, event: QPaintEvent) -> None:
        """Fill it."""
        QPainter(self).fillRect(self.rect(), QColor(getattr(tokens_of(self), self._token)))


class Hairline(Ground):
    """One pixel between sections."""

    def __init__(self, token: str = "line", *, is_upright: bool = False) -> None:
        super().__init__(token)
        if is_upright:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)


def scrolling(inner: QWidget) -> QScrollArea:
    """The widget in a frameless area that scrolls up and down only."""
    area = QScrollArea()
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(inner)
    return area


def widgets_in(layout: QLayout) -> list[QWidget]:
    """The widgets of a layout, in order."""
    items = (layout.itemAt(place) for place in range(layout.count()))
    return [widget for item in items if item is not None and (widget := item.widget()) is not None]


def clear(layout: QLayout) -> None:
    """Take everything out of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
        elif (inner := item.layout()) is not None:
            clear(inner)
