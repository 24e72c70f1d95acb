"""What all pages share: a head with the title and its buttons, a hairline, an error line, the content."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.desktop.models.snapshot import Snapshot
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.ground import Hairline
from app.desktop.widgets.text import title

MARGIN = 24
HEAD_HEIGHT = 60


class Page(QWidget):
    """A page of the window. Subclasses fill `content` and `head`, and render from a Snapshot. `beside` is the row that
    all of it, `main`, stands in, for a panel on its right."""

    def __init__(self, name: str, *, has_line: bool = True) -> None:
        super().__init__()
        self.title = title(name)
        self.error = ErrorLine()
        head = QWidget()
        head.setFixedHeight(HEAD_HEIGHT)
        self.head = QHBoxLayout(head)
        self.head.setContentsMargins(MARGIN, 0, MARGIN, 0)
        self.head.setSpacing(8)
        self.head.addWidget(self.title)
        self.head.addStretch(1)
        self.content = QVBoxLayout()
        self.content.setContentsMargins(0, 0, 0, 0)
        self.content.setSpacing(0)
        errors = QVBoxLayout()
        errors.setContentsMargins(MARGIN, 0, MARGIN, 0)
        errors.addWidget(self.error)
        self.main = QWidget()
        self.beside = QHBoxLayout(self)
        self.beside.setContentsMargins(0, 0, 0, 0)
        self.beside.setSpacing(0)
        self.beside.addWidget(self.main, 1)
        column = QVBoxLayout(self.main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        if has_line:
            column.addWidget(Hairline())
        column.addLayout(errors)
        column.addLayout(self.content, 1)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading."""
        raise TypeError(f"{type(self).__name__} does not say how it is shown")

    def create_new(self) -> None:
        """Ctrl+N: add what this page holds; nothing where it holds nothing."""
