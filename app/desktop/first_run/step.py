"""What all steps of the first run share: a question, what it means, an error line, and leave to go on."""

from collections.abc import Callable

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.desktop.models.snapshot import Snapshot
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.text import Text, title


class Step(QWidget):
    """`name` stands in the list of steps. Subclasses fill `content`."""

    def __init__(self, name: str, question: str, meaning: str) -> None:
        super().__init__()
        self.name = name
        self.question = question
        self.error = ErrorLine()
        self.content = QVBoxLayout()
        self.content.setSpacing(0)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(title(question))
        column.addSpacing(6)
        column.addWidget(Text(meaning, ink="text_2", wraps=True))
        column.addSpacing(20)
        column.addLayout(self.content, 1)
        column.addWidget(self.error)

    def enter(self) -> None:
        """It is shown now."""

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow what the ledger says."""

    def leave(self, go_on: Callable[[], None]) -> None:
        """Do what was chosen, then go on; or say why not."""
        self.error.clear()
        go_on()
