"""What went wrong, said in the place where it was tried."""

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.errors import AppError
from app.desktop.fonts import MEDIUM, Size
from app.desktop.widgets.text import Text

TEXT_WIDTH = 560


class ErrorLine(QWidget):
    """Title and message of an error; takes no room while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._title = Text("", ink="at_text", weight=MEDIUM)
        self._message = Text("", ink="text_2", size=Size.CAPTION, wraps=True)
        self._message.setMaximumWidth(TEXT_WIDTH)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 4)
        column.setSpacing(2)
        column.addWidget(self._title)
        column.addWidget(self._message)
        self.hide()

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
