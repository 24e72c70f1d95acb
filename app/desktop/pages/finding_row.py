"""One finding of the doctor: a mark, what was found, what it means, and the button or the words that mend it."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.desktop.fonts import MEDIUM, Size
from app.desktop.formats import tooltip
from app.desktop.models.finding_view import FindingView
from app.desktop.theme import icon, tokens_of
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import Hairline
from app.desktop.widgets.text import Text

_MARK_SIZE = 16
_TEXT_WIDTH = 560
_MOST_STRETCH = 100
_MOST_WORD = 60


class FindingRow(QWidget):
    """`mend_button` is None where nothing can be done from here."""

    def __init__(self, view: FindingView, mend: Callable[[], None]) -> None:
        super().__init__()
        self.view = view
        self.mend_button: QPushButton | None = None
        self._mark = QLabel()
        self._mark.setFixedSize(_MARK_SIZE, _MARK_SIZE + 2)
        self.setAccessibleName(view.spoken)
        row = QHBoxLayout()
        row.setContentsMargins(0, 10, 0, 10)
        row.setSpacing(12)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._words(), _MOST_STRETCH)
        row.addStretch(1)
        if view.verb:
            self.mend_button = button(view.verb, mend, name=f"{view.verb.rstrip('…')}: {view.finding.title}")
            row.addWidget(self.mend_button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(Hairline("grid"))
        self._tint()

    def changeEvent(self, event: QEvent) -> None:
        """Tint the mark for a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _words(self) -> QWidget:
        finding = self.view.finding
        box = QWidget()
        box.setMaximumWidth(_TEXT_WIDTH)
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        parts = (
            Text(self.view.title, weight=MEDIUM, wraps=True),
            Text(finding.meaning, ink="text_2", size=Size.CAPTION, wraps=True),
            Text(self.view.fix, ink="text_2", size=Size.CAPTION, wraps=True),
        )
        for part in parts:
            part.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            if len(max(part.text().split(), key=len, default="")) > _MOST_WORD:
                part.setToolTip(tooltip(part.text()))  # such a word is cut at the edge
            if part.text():
                column.addWidget(part)
        return box

    def _tint(self) -> None:
        size = QSize(_MARK_SIZE, _MARK_SIZE)
        ink = getattr(tokens_of(self), self.view.ink)
        self._mark.setPixmap(icon(self.view.mark, ink).pixmap(size, self.devicePixelRatio()))
