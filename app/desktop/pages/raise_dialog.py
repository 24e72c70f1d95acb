"""Raising the running window of a cap from its row."""

from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from app.desktop.commands import Commands
from app.desktop.models.raise_words import Raisable
from app.desktop.widgets.raise_form import RaiseForm
from app.desktop.widgets.text import ElidedText, heading

WIDTH = 400


class RaiseDialog(QDialog):
    """A window of its own; it closes when the ledger took the raise."""

    def __init__(self, raised: Raisable, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Raise cap")
        self.setFixedWidth(WIDTH)
        self.form = RaiseForm(raised, commands, self.accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(heading(self.windowTitle()))
        column.addWidget(ElidedText(raised.cap_name, ink="text_2"))
        column.addWidget(self.form)
