"""Painted amounts: a cap's bar and a session's sparkline."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.money import format_usd
from app.desktop.formats import spoken_usd
from app.desktop.models.cap_view import CapView
from app.desktop.theme import tokens_of
from app.desktop.tokens import Tokens
from app.ledger.cap_store import Level

BAR_HEIGHT = 6
_RADIUS = 3
_SPARK_SIZE = QSize(58, 18)
_BAR_STEP = 3


class CapBar(QWidget):
    """Solid is spent, hatched is held, the notch is the alert level."""

    def __init__(self) -> None:
        super().__init__()
        self._view: CapView | None = None
        self.setFixedHeight(BAR_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_view(self, view: CapView) -> None:
        """Show a cap."""
        self._view = view
        status = view.status
        told = f"{spoken_usd(status.spent_nano_usd)} of {spoken_usd(status.limit_nano_usd)}"
        self.setAccessibleName(f"{view.name}: {told}")
        held = f", {format_usd(status.held_nano_usd)} held by calls on their way" if status.held_nano_usd else ""
        self.setToolTip(f"{format_usd(status.spent_nano_usd)} of {format_usd(status.limit_nano_usd)}{held}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint track, spent, held and notch."""
        if self._view is None:
            return
        tokens = tokens_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect())
        outline = QPainterPath()
        outline.addRoundedRect(rect, _RADIUS, _RADIUS)
        painter.setClipPath(outline)
        painter.fillRect(rect, QColor(tokens.track))
        status = self._view.status
        if status.has_unpriced and not status.spent_nano_usd:
            painter.fillRect(rect, QBrush(QColor(tokens.text_3), Qt.BrushStyle.BDiagPattern))
            return
        fill = QColor(_fill(self._view.level, tokens))
        spent = rect.width() * min(1.0, status.share)
        held = rect.width() * min(1.0, status.held_nano_usd / status.limit_nano_usd)
        painter.fillRect(QRectF(0, 0, spent, rect.height()), fill)
        painter.fillRect(QRectF(spent, 0, held, rect.height()), QBrush(fill, Qt.BrushStyle.BDiagPattern))
        for percent in status.cap.alert_percents:
            if status.spent_nano_usd * 100 < percent * status.limit_nano_usd:
                painter.fillRect(QRectF(rect.width() * percent / 100, 0, 1, rect.height()), QColor(tokens.raised))


class Sparkline(QWidget):
    """Spend of the last ten minutes in twenty bars."""

    def __init__(self) -> None:
        super().__init__()
        self._series: tuple[int, ...] = ()
        self.setFixedSize(_SPARK_SIZE)

    def show_series(self, series: tuple[int, ...]) -> None:
        """Show these amounts, oldest first."""
        self._series = series
        middle = len(series) // 2
        trend = "rising" if sum(series[middle:]) > sum(series[:middle]) else "falling"
        self.setAccessibleName(f"Spend in the last 10 minutes, {trend}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the bars; an empty one is a line of one pixel."""
        highest = max(self._series, default=0)
        colour = QColor(tokens_of(self).text_3)
        painter = QPainter(self)
        for position, cost in enumerate(self._series):
            height = max(1, round(self.height() * cost / highest)) if highest else 1
            painter.fillRect(position * _BAR_STEP, self.height() - height, _BAR_STEP - 1, height, colour)


def _fill(level: Level, tokens: Tokens) -> str:
    return {Level.FINE: tokens.bar, Level.NEAR: tokens.near, Level.AT: tokens.at}[level]


LEVEL_INKS = {Level.FINE: "text_3", Level.NEAR: "near_text", Level.AT: "at_text"}
"""The ink of a sentence about a cap at each level."""
