"""What was just done, and the way back."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.desktop.announcing import Tone, announce
from app.desktop.widgets.buttons import button
from app.desktop.widgets.text import ElidedText

UNDO_FOR_MS = 10_000
MARGIN = 24


class UndoBar(QWidget):
    """`Cap removed. Undo`, for as long as it is offered."""

    def __init__(self, offered_for_ms: int = UNDO_FOR_MS) -> None:
        super().__init__()
        self._undo: Callable[[], None] | None = None
        self._text = ElidedText("")
        self.undo_button = button("Undo", self.take_back, kind="link")
        self._timer = QTimer(self, singleShot=True, interval=offered_for_ms)
        self._timer.timeout.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 8, MARGIN, 12)
        row.setSpacing(8)
        row.addWidget(self._text)
        row.addWidget(self.undo_button)
        row.addStretch(1)
        self.hide()

    def offer(self, words: str, undo: Callable[[], None]) -> None:
        """Say what was done and offer to take it back."""
        self._undo = undo
        self._text.setText(words)
        self.show()
        announce(self, f"{words} Undo is offered.", Tone.POLITE)
        self._timer.start()

    def take_back(self) -> None:
        """Undo, where that is still offered."""
        if self.isHidden():
            return
        self.hide()
        if self._undo is not None:
            self._undo()
