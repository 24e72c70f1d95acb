"""Grounds that other widgets stand on, and the hairlines between them."""

from collections.abc import Iterable
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFocusEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget

from app.desktop.theme import tokens_of

_BY_KEY = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


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


class Scrolling(QScrollArea):
    """A frameless area that scrolls up and down only. Tab stops at it while there is something to scroll, for the
    arrows and Page keys, and it then has a ring."""

    def __init__(self, inner: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Scrolls up and down")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.verticalScrollBar().rangeChanged.connect(self._take_range)
        self.setWidget(inner)
        self._ring = FocusRing(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The ring goes with it."""
        super().resizeEvent(event)
        self._ring.setGeometry(self.rect())

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring."""
        super().focusInEvent(event)
        self._ring.setVisible(event.reason() in _BY_KEY)
        self._ring.raise_()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide it."""
        super().focusOutEvent(event)
        self._ring.hide()

    def _take_range(self, least: int, most: int) -> None:
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if most > least else Qt.FocusPolicy.NoFocus)


class FocusRing(QWidget):
    """A ring over what has the focus, where that cannot paint one itself."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        painter.setPen(QPen(QColor(tokens_of(self).accent), 2))
        painter.drawRect(self.rect().adjusted(1, 1, -1, -1))


def scrolling(inner: QWidget) -> Scrolling:
    """The widget in such an area."""
    return Scrolling(inner)


def widgets_in(layout: QLayout) -> list[QWidget]:
    """The widgets of a layout, in order."""
    items = (layout.itemAt(place) for place in range(layout.count()))
    return [widget for item in items if item is not None and (widget := item.widget()) is not None]


def chain_tabs(widgets: Iterable[QWidget]) -> None:
    """Let Tab go through these, and what is in them, in this order: what is made later comes last else."""
    stops = [
        one
        for widget in widgets
        for one in (widget, *widget.findChildren(QWidget))
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus
    ]
    for one, following in pairwise(stops):
        QWidget.setTabOrder(one, following)


def clear(layout: QLayout) -> None:
    """Take everything out of a layout."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
        elif (inner := item.layout()) is not None:
            clear(inner)
