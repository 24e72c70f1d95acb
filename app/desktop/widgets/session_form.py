"""Letting a whole session pass a cap, asked once more in the place where it is asked."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.widgets.buttons import GuardedButton, button
from app.desktop.widgets.text import Text
from app.ledger.approval_store import Approval


class SessionForm(QWidget):
    """What it means, with Approve and Cancel."""

    def __init__(self, approval: Approval, approve: Callable[[], None], cancel: Callable[[], None]) -> None:
        super().__init__()
        self._cancel = cancel
        said = (
            f"This session's calls then pass {approval.cap_name} without asking, whatever they cost, until it resets."
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(Text(said, wraps=True))
        self.approve_button = GuardedButton("Approve session", approve, kind="primary")
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
