"""Signs of series, bars of shares, and the bar that shows what a whole is made of."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.desktop.fonts import Size, sized
from app.desktop.formats import one_line
from app.desktop.models.rows import Swatch
from app.desktop.theme import tokens_of
from app.desktop.tokens import Tokens

SWATCH = 8
SWATCH_ROOM = SWATCH + 8
_BAR, _MOST_BAR = 6, 320
_WHOLE = 12
_RADIUS = 3
_BAR_OPACITY = 0.78
_GAP = 16
_LEGEND_HEIGHT = 20


def colour_of(swatch: Swatch, tokens: Tokens) -> QColor:
    """Its colour in this theme."""
    colour = QColor(getattr(tokens, swatch.token))
    colour.setAlphaF(swatch.opacity)
    return colour


def paint_swatch(painter: QPainter, centre: QPointF, swatch: Swatch, tokens: Tokens) -> None:
    """The dot or the square."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path, half = QPainterPath(), SWATCH / 2
    if swatch.is_square:
        path.addRoundedRect(QRectF(centre.x() - half, centre.y() - half, SWATCH, SWATCH), 2, 2)
    else:
        path.addEllipse(centre, half, half)
    painter.fillPath(path, colour_of(swatch, tokens))
    painter.restore()


def paint_bar(painter: QPainter, room: QRect, share: float, tokens: Tokens) -> None:
    """A bar of this share of the room, with round ends; anything above nothing is seen."""
    if share <= 0:
        return
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    path, width = QPainterPath(), max(float(_BAR), min(room.width(), _MOST_BAR) * min(1.0, share))
    path.addRoundedRect(QRectF(room.left(), room.center().y() + 1 - _BAR / 2, width, _BAR), _RADIUS, _RADIUS)
    painter.fillPath(path, colour_of(Swatch("bar", _BAR_OPACITY), tokens))
    painter.restore()


class WholeBar(QWidget):
    """Parts of one whole side by side, with a pixel of ground between them."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[tuple[Swatch, int]] = []
        self.setFixedHeight(_WHOLE)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_parts(self, parts: Sequence[tuple[Swatch, int]], name: str) -> None:
        """Show these amounts, which `name` tells in words."""
        self._parts = [part for part in parts if part[1] > 0]
        self.setAccessibleName(name)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the parts, the ends round."""
        tokens, painter = tokens_of(self), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(self.rect()), _RADIUS, _RADIUS)
        painter.setClipPath(outline)
        whole, so_far = sum(amount for _, amount in self._parts), 0
        if not whole:
            painter.fillRect(self.rect(), QColor(tokens.track))
        for swatch, amount in self._parts:
            left, right = (round(self.width() * edge / whole) for edge in (so_far, so_far + amount))
            gap = 2 if left and right - left > 2 else 0
            painter.fillRect(QRect(left + gap, 0, right - left - gap, _WHOLE), colour_of(swatch, tokens))
            so_far += amount


class Legend(QWidget):
    """The names of series in a row from `left` on, each after its sign."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self._left = left
        self._names: list[tuple[Swatch, str]] = []
        self.setFixedHeight(_LEGEND_HEIGHT)

    def show_names(self, names: Sequence[tuple[Swatch, str]]) -> None:
        """Show these; nothing is shown of a single one, which needs no telling apart."""
        self._names = [(swatch, one_line(name)) for swatch, name in names] if len(names) > 1 else []
        self.setVisible(bool(self._names))
        self.setAccessibleName(", ".join(name for _, name in self._names))
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(0, _LEGEND_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint signs and names; a long name is cut in its middle."""
        tokens, painter = tokens_of(self), QPainter(self)
        painter.setFont(sized(Size.CAPTION))
        left, metrics = self._left, painter.fontMetrics()
        most = max(1, (self.width() - left) // max(1, len(self._names))) - SWATCH_ROOM - _GAP
        for swatch, name in self._names:
            told = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, max(most, 60))
            paint_swatch(painter, QPointF(left + SWATCH / 2, self.height() / 2), swatch, tokens)
            painter.setPen(QColor(tokens.text_2))
            width = metrics.horizontalAdvance(told)
            place = QRect(left + SWATCH_ROOM, 0, width + 4, self.height())
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), told)
            left += SWATCH_ROOM + width + _GAP
