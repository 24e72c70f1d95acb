"""What went wrong, said in the place where it was tried."""

from collections.abc import Callable, Mapping

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.errors import AppError
from app.desktop.fonts import MEDIUM, Size
from app.desktop.widgets.buttons import button
from app.desktop.widgets.text import Text

TEXT_WIDTH = 560


class ErrorLine(QWidget):
    """Title and message of an error; takes no room while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._title = Text("", ink="at_text", weight=MEDIUM)
        self._message = Text("", ink="text_2", size=Size.CAPTION, wraps=True)
        self._message.setMaximumWidth(TEXT_WIDTH)
        self._buttons = QHBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(2)
        column.addWidget(self._title)
        column.addWidget(self._message)
        column.addLayout(self._buttons)
        self.hide()

    def offer(self, acts: Mapping[str, Callable[[], object]]) -> None:
        """Have these buttons under every error."""
        self._buttons.setSpacing(8)
        self._buttons.setContentsMargins(0, 4, 0, 4)
        for verb, act in acts.items():
            self._buttons.addWidget(button(verb, act))
        self._buttons.addStretch(1)

    def tell(self, error: AppError) -> None:
        """Show an error until the next try."""
        self._title.setText(error.title)
        self._message.setText(error.message)
        self.setAccessibleName(f"{error.title}. {error.message}")
        self.show()

    def clear(self) -> None:
        """Nothing is wrong any more."""
        self.hide()

    @property
    def text(self) -> str:
        """What it says; empty when hidden."""
        return "" if self.isHidden() else f"{self._title.text()}. {self._message.text()}"
