"""What all dialogs about keys share, "are you sure" where nothing undoes, and a note to read."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QShowEvent
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

from app.desktop.fonts import monospace
from app.desktop.formats import breakable
from app.desktop.widgets.buttons import button
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.text import Text, heading

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
        head = heading(breakable(title))
        head.setWordWrap(True)
        self.column.addWidget(head)

    def showEvent(self, event: QShowEvent) -> None:
        """As high as its texts are at its width: Qt takes them for narrower, and so for higher, than they are."""
        super().showEvent(event)
        self.resize(self.width(), self.column.totalHeightForWidth(self.width()))

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


class OnceDialog(KeyDialog):
    """Something secret to be copied, for the only time: it is gone from its field once the dialog is closed."""

    def __init__(self, title: str, words: str, value: str, *, field: str, copying: str, parent: QWidget) -> None:
        super().__init__(title, parent)
        self.value = QLineEdit(value)
        self.value.setReadOnly(True)
        self.value.setFont(monospace())
        self.value.setAccessibleName(field)
        self.copy_button = button("Copy", self._copy, name=copying)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.value, 1)
        row.addWidget(self.copy_button)
        self.column.addWidget(Text(words, ink="text_2", wraps=True))
        self.column.addLayout(row)
        self.finished.connect(lambda _result: self.value.setText(""))  # the dialog lives as long as its page
        self.add_buttons("Done", "primary", can_cancel=False)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.value.text())
        self.copy_button.setText("Copied")
