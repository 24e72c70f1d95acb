"""The ring, painted by code at the size it is shown at, never scaled."""

import math

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from app.desktop.models.ring_state import STARTING, RingKind, RingState
from app.desktop.theme import tokens_of
from app.desktop.tokens import DARK, DARK_PANEL, LIGHT_PANEL, TEMPLATE, Inks

ICON_SIZES = (16, 18, 20, 22, 24, 32, 44, 48, 64)
_FULL_TURN = 360 * 16
_TWELVE_O_CLOCK = 90 * 16
_DOTS = 10


def paint_ring(painter: QPainter, size: int, state: RingState, inks: Inks) -> None:
    """Paint the ring into a square of `size` pixels at the origin."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.save()
    if state.is_asked:
        painter.setClipPath(_all_but_dot(size))
    _SHAPES[state.kind](painter, size, state.share, inks)
    painter.restore()
    if state.is_asked:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(inks.asked))
        painter.drawEllipse(_dot_centre(size), _dot_radius(size), _dot_radius(size))


def ring_pixmap(size: int, state: RingState, inks: Inks, ratio: float = 1.0) -> QPixmap:
    """The ring on a clear ground, `size` pixels at a device pixel ratio."""
    pixels = round(size * ratio)
    pixmap = QPixmap(pixels, pixels)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    paint_ring(painter, pixels, state, inks)
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def ring_icon(state: RingState, inks: Inks) -> QIcon:
    """The ring at every size a tray asks for."""
    made = QIcon()
    for size in ICON_SIZES:
        made.addPixmap(ring_pixmap(size, state, inks))
    made.setIsMask(inks is TEMPLATE)
    return made


class Ring(QWidget):
    """The ring at the foot of the sidebar."""

    def __init__(self, size: int = 20) -> None:
        super().__init__()
        self._state = STARTING
        self.setFixedSize(QSize(size, size))

    def show_state(self, state: RingState) -> None:
        """Show this state."""
        if state != self._state:
            self._state = state
            self.setAccessibleName(state.words)
            self.setToolTip(state.words)
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it at the pixels of this screen."""
        inks = DARK_PANEL if tokens_of(self) is DARK else LIGHT_PANEL
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        painter.scale(1 / ratio, 1 / ratio)
        paint_ring(painter, round(self.width() * ratio), self._state, inks)


def stroke_width(size: int) -> float:
    """2.5 at 16 pixels, 3 at 22, 4 at 32, and an eighth of the size above."""
    if size <= 22:
        return 2.5 + max(0, size - 16) * 0.5 / 6
    return 3 + (size - 22) * 0.1 if size <= 32 else size / 8


def _circle(size: int, stroke: float) -> QRectF:
    """The line's middle, with a sixteenth of the size left free around the ring."""
    inset = size / 16 + stroke / 2
    return QRectF(inset, inset, size - 2 * inset, size - 2 * inset)


def _pen(colour: QColor, width: float) -> QPen:
    return QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)


def _faded(colour: str, opacity: float) -> QColor:
    result = QColor(colour)
    result.setAlphaF(opacity)
    return result


def _arc(painter: QPainter, size: int, share: float, inks: Inks, colour: str) -> None:
    stroke = stroke_width(size)
    painter.setPen(_pen(_faded(inks.ink, inks.track_opacity), stroke))
    painter.drawEllipse(_circle(size, stroke))
    painter.setPen(_pen(QColor(colour), stroke))
    if share > 0:
        painter.drawArc(_circle(size, stroke), _TWELVE_O_CLOCK, -round(_FULL_TURN * min(1.0, share)))


def _bars(painter: QPainter, size: int, inks: Inks) -> None:
    width, height, gap = size * 0.11, size * 0.3, size * 0.1
    for left in (size / 2 - gap / 2 - width, size / 2 + gap / 2):
        painter.fillRect(QRectF(left, (size - height) / 2, width, height), QColor(inks.ink))


def _fine(painter: QPainter, size: int, share: float, inks: Inks) -> None:
    _arc(painter, size, share, inks, inks.ink)


def _near(painter: QPainter, size: int, share: float, inks: Inks) -> None:
    _arc(painter, size, share, inks, inks.near)


def _at(painter: QPainter, size: int, share: float, inks: Inks) -> None:
    _arc(painter, size, 1.0, inks, inks.at)
    width, height = size * 0.34, max(2.0, size * 0.13)
    painter.fillRect(QRectF((size - width) / 2, (size - height) / 2, width, height), QColor(inks.at))


def _paused(painter: QPainter, size: int, share: float, inks: Inks) -> None:
    _arc(painter, size, share, inks, inks.ink)
    _bars(painter, size, inks)


def _no_cap(painter: QPainter, size: int, share: float, inks: Inks) -> None:
    stroke = stroke_width(size) * 0.55
    painter.setPen(_pen(QColor(inks.ink), stroke))
    painter.drawEllipse(_circle(size, stroke))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(inks.ink))
    painter.drawEllipse(QPointF(size / 2, size / 2), size * 0.1, size * 0.1)


def _unknown(painter: QPainter, size: int, share: float, inks: Inks) -> None:
    stroke = stroke_width(size)
    painter.setPen(_pen(QColor(inks.ink), stroke))
    step = _FULL_TURN / _DOTS
    for number in range(_DOTS):
        painter.drawArc(_circle(size, stroke), round(_TWELVE_O_CLOCK - step * (number + 0.25)), -round(step / 2))


def _down(painter: QPainter, size: int, share: float, inks: Inks) -> None:
    """A thin ring struck through, the stroke cut free of it."""
    stroke = stroke_width(size) * 0.6
    ink = _faded(inks.ink, inks.down_opacity)
    reach = size * 0.42
    slash = QPainterPath(QPointF(size / 2 - reach, size / 2 + reach))
    slash.lineTo(size / 2 + reach, size / 2 - reach)
    edge = math.hypot(stroke, stroke)
    for side in (-1, 1):
        painter.save()
        painter.setClipPath(_half(size, side, edge))
        painter.setPen(_pen(ink, stroke))
        painter.drawEllipse(_circle(size, stroke).adjusted(size * 0.06, size * 0.06, -size * 0.06, -size * 0.06))
        painter.restore()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(_pen(ink, stroke))
    painter.drawPath(slash)


def _half(size: int, side: int, distance: float) -> QPainterPath:
    """All on one side of the rising diagonal, at least `distance` along an axis away from it."""
    path = QPainterPath()
    shift = distance * side
    path.moveTo(-size + shift, 2 * size + shift)
    path.lineTo(2 * size + shift, -size + shift)
    corner = 3 * size if side > 0 else -2 * size
    path.lineTo(corner, corner)
    path.closeSubpath()
    return path


def _dot_radius(size: int) -> float:
    return size * 0.18


def _dot_centre(size: int) -> QPointF:
    return QPointF(size * 0.8, size * 0.8)


def _all_but_dot(size: int) -> QPainterPath:
    everything, cut = QPainterPath(), QPainterPath()
    everything.addRect(0, 0, size, size)
    radius = _dot_radius(size) + max(1.0, size * 0.06)
    cut.addEllipse(_dot_centre(size), radius, radius)
    return everything.subtracted(cut)


_SHAPES = {
    RingKind.FINE: _fine,
    RingKind.NEAR: _near,
    RingKind.AT: _at,
    RingKind.PAUSED: _paused,
    RingKind.NO_CAP: _no_cap,
    RingKind.UNKNOWN: _unknown,
    RingKind.DOWN: _down,
}
