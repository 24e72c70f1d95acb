"""Dialogs about keys: a new virtual one, its token shown once, and "are you sure" where nothing undoes."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.core.errors import InvalidInput
from app.core.tags import Tags, clean_label
from app.desktop.commands import Commands
from app.desktop.fonts import Size, monospace
from app.desktop.widgets.buttons import button
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.text import Text, heading
from app.ledger.key_store import VirtualKey

WIDTH = 440


class KeyDialog(QDialog):
    """A heading, what the subclass adds, an error line and the buttons."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setFixedWidth(WIDTH)
        self.error = ErrorLine()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(16, 16, 16, 16)
        self.column.setSpacing(12)
        self.column.addWidget(heading(title))

    def add_buttons(self, words: str, kind: str, *, can_cancel: bool = True) -> QPushButton:
        """The error line and the foot. Returns the button that accepts."""
        self.column.addWidget(self.error)
        box = QDialogButtonBox()
        if can_cancel:
            box.addButton(QDialogButtonBox.StandardButton.Cancel)
        made = box.addButton(words, QDialogButtonBox.ButtonRole.AcceptRole)
        made.setProperty("kind", kind)
        box.accepted.connect(self.submit)
        box.rejected.connect(self.reject)
        self.column.addWidget(box)
        return made

    def submit(self) -> None:
        """Accept; a subclass with work to do does it first."""
        self.accept()


def form_layout() -> QFormLayout:
    """A form as these dialogs have it."""
    form = QFormLayout()
    form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    form.setHorizontalSpacing(12)
    form.setVerticalSpacing(12)
    return form


class NewKeyDialog(KeyDialog):
    """Name, project and agent of a new virtual key. `issued` tells its name and its token."""

    issued = Signal(str, str)

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__("New virtual key", parent)
        self._commands = commands
        self.name, self.project, self.agent = QLineEdit(), QLineEdit(), QLineEdit()
        form = form_layout()
        for caption, field in (("Name", self.name), ("Project", self.project), ("Agent", self.agent)):
            field.setAccessibleName(f"{caption} of the new key")
            form.addRow(Text(caption, ink="text_2"), field)
        self.column.addLayout(form)
        said = "Calls made with it are charged to this project and agent. The agent cannot change that."
        self.column.addWidget(Text(said, ink="text_3", size=Size.CAPTION, wraps=True))
        self.create_button = self.add_buttons("Create key", "primary")
        self.create_button.setDefault(True)

    def submit(self) -> None:
        """Issue it; the dialog closes when the ledger took it."""
        self.error.clear()
        name = clean_label(self.name.text())
        if not name:
            self.error.tell(InvalidInput("A key needs a name", "Name it after the agent that will hold it."))
            return
        tags = Tags(project=clean_label(self.project.text()), agent=clean_label(self.agent.text()))
        self._commands.issue_key(name, tags, self._issued, self.error.tell)

    def _issued(self, key: VirtualKey, token: str) -> None:
        self.accept()
        self.issued.emit(key.name, token)


class ShowKeyDialog(KeyDialog):
    """The token, for the only time."""

    def __init__(self, name: str, token: str, parent: QWidget) -> None:
        super().__init__("Copy this key now", parent)
        self.token = QLineEdit(token)
        self.token.setReadOnly(True)
        self.token.setFont(monospace())
        self.token.setAccessibleName(f"The key “{name}”")
        self.copy_button = button("Copy", self._copy, name="Copy the key")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.token, 1)
        row.addWidget(self.copy_button)
        self.column.addWidget(Text("It is not stored and cannot be shown again.", ink="text_2", wraps=True))
        self.column.addLayout(row)
        self.finished.connect(lambda _result: self.token.setText(""))  # the dialog lives as long as its page
        self.add_buttons("Done", "primary", can_cancel=False)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.token.text())
        self.copy_button.setText("Copied")


class ConfirmDialog(KeyDialog):
    """A question about something that cannot be undone."""

    def __init__(self, question: str, consequence: str, verb: str, parent: QWidget) -> None:
        super().__init__(question, parent)
        said = Text(consequence, ink="text_2", wraps=True)
        self.column.addWidget(said)
        self.confirm_button = self.add_buttons(verb, "destructive")
        self.confirm_button.setAutoDefault(False)


class NoteDialog(KeyDialog):
    """Something to read."""

    def __init__(self, title: str, words: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        told = Text(words, ink="text_2", wraps=True)
        told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.column.addWidget(told)
        self.add_buttons("Done", "primary", can_cancel=False)
