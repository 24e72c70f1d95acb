"""A field for an amount of dollars: right-aligned, and as wide as what stands in it, so that all digits are seen."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QLineEdit

_ROOM = 28
_MOST_WIDTH = 220


class AmountField(QLineEdit):
    """At least `least` pixels wide."""

    def __init__(self, text: str = "", *, least: int) -> None:
        super().__init__(text)
        self._least = least
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.textChanged.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        needed = QFontMetrics(self.font()).horizontalAdvance(self.text()) + _ROOM
        self.setFixedWidth(min(max(self._least, needed), _MOST_WIDTH))
