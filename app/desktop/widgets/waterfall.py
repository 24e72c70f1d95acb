"""A waterfall of signed terms: each is a name, an amount and a bar from where the one before ended."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from app.desktop.fonts import MEDIUM, sized
from app.desktop.formats import spoken_usd, tooltip
from app.desktop.models.explanation_view import Term
from app.desktop.theme import tokens_of

_HEIGHT = 38
_BAR_HEIGHT = 6
_TEXT_HEIGHT = 22
_GAP = 12
_LEAST_BAR = 2.0


class TermRow(QAbstractButton):
    """One term. A click, Enter or Space on it asks for its calls."""

    opened = Signal(object)

    def __init__(self, term: Term, most_nano_usd: int) -> None:
        super().__init__()
        self.term = term
        self._most = most_nano_usd
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        way = "more" if term.nano_usd >= 0 else "less"
        self.setAccessibleName(f"{term.name}: {spoken_usd(abs(term.nano_usd))} {way}. Show its calls")
        self.setToolTip(tooltip(term.hint))
        self.clicked.connect(lambda: self.opened.emit(term))

    def sizeHint(self) -> QSize:
        """As wide as the panel lets it be."""
        return QSize(200, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Name, amount, bar; the name gives way."""
        tokens, painter = tokens_of(self), QPainter(self)
        if self.underMouse():
            painter.fillRect(self.rect().adjusted(0, 0, 0, -4), QColor(tokens.hover))
        amount_font = sized(weight=MEDIUM)
        painter.setFont(amount_font)
        amount_width = painter.fontMetrics().horizontalAdvance(self.term.amount)
        text = self.rect().adjusted(0, 0, 0, _TEXT_HEIGHT - _HEIGHT)
        painter.setPen(QColor(tokens.text))
        painter.drawText(text, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.term.amount)
        painter.setFont(sized())
        room = self.width() - amount_width - _GAP
        name = painter.fontMetrics().elidedText(self.term.name, Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, name)
        track = QRectF(0, _TEXT_HEIGHT, self.width(), _BAR_HEIGHT)
        painter.fillRect(track, QColor(tokens.track))
        painter.fillRect(self._bar(track), QColor(tokens.bar if self.term.nano_usd >= 0 else tokens.accent))
        if self.hasFocus():
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -3))

    def _bar(self, track: QRectF) -> QRectF:
        """From where the term begins to where it ends, on the scale of the whole."""
        term = self.term
        low, high = sorted((term.starts_at, term.starts_at + term.nano_usd))
        left, right = (track.width() * max(0, at) / self._most for at in (low, high))
        left = min(left, track.width() - _LEAST_BAR)
        return QRectF(left, track.top(), max(_LEAST_BAR, right - left), track.height())
