"""A command to be typed into a terminal, and Copy."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from app.desktop.fonts import monospace
from app.desktop.widgets.buttons import button


class CommandLine(QWidget):
    """One line that cannot be changed."""

    def __init__(self, command: str, *, name: str) -> None:
        super().__init__()
        self.field = QLineEdit(command)
        self.field.setReadOnly(True)
        self.field.setFont(monospace())
        self.field.setAccessibleName(name)
        self.copy_button = button("Copy", self.copy, name="Copy the command")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.field, 1)
        row.addWidget(self.copy_button)

    def show_command(self, command: str) -> None:
        """Another command."""
        if self.field.text() != command:
            self.field.setText(command)
            self.field.setCursorPosition(0)

    def copy(self) -> None:
        """Put it into the clipboard."""
        QGuiApplication.clipboard().setText(self.field.text())
