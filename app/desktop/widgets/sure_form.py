"""Asking once more, in the place where it is asked, before a session or many calls pass a cap."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.widgets.buttons import GuardedButton, button
from app.desktop.widgets.text import Text


class SureForm(QWidget):
    """What it means, with the verb and Cancel."""

    def __init__(self, said: str, verb: str, approve: Callable[[], None], cancel: Callable[[], None]) -> None:
        super().__init__()
        self._cancel = cancel
        self.words = Text(said, wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.words)
        self.approve_button = GuardedButton(verb, approve, kind="primary")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.approve_button)
        row.addWidget(button("Cancel", cancel))
        row.addStretch(1)
        column.addLayout(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leaves."""
        if event.key() == Qt.Key.Key_Escape:
            self._cancel()
        else:
            super().keyPressEvent(event)
