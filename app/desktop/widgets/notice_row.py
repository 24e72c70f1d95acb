"""One line about something that wants a person, and the button that deals with it."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from app.desktop.theme import icon, tokens_of
from app.desktop.widgets.buttons import button
from app.desktop.widgets.text import Text

_ICON_SIZE = 16


class NoticeRow(QWidget):
    """An icon, the words, a button. Hidden until it has something to tell."""

    def __init__(self, icon_name: str, verb: str, act: Callable[[], object], *, ink: str = "text") -> None:
        super().__init__()
        self._icon_name = icon_name
        self._ink = ink
        self._icon = QLabel()
        self._icon.setFixedWidth(_ICON_SIZE)
        self._text = Text("", ink=ink, wraps=True)
        self.button = button(verb, act)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self._text, 1)
        row.addWidget(self.button)
        self.hide()

    def tell(self, words: str) -> None:
        """Show these words until hidden."""
        if self._text.text() != words:
            self._text.setText(words)
            self.button.setAccessibleDescription(words)
        self._tint()
        self.show()

    @property
    def words(self) -> str:
        """What it says; empty when hidden."""
        return "" if self.isHidden() else self._text.text()

    def changeEvent(self, event: QEvent) -> None:
        """Tint the icon for a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        size = QSize(_ICON_SIZE, _ICON_SIZE)
        pixmap = icon(self._icon_name, getattr(tokens_of(self), self._ink)).pixmap(size, self.devicePixelRatio())
        self._icon.setPixmap(pixmap)
