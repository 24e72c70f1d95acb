"""A combo box and a check box whose marks are drawn by us: the style sheet takes Fusion's away."""

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QStyle, QStyleOptionButton

from app.desktop.theme import icon, tokens_of

_ARROW = 12
_ARROW_RIGHT = 8


class Choice(QComboBox):
    """One of several, or a name typed where it is editable."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """The box, and a caret in it."""
        super().paintEvent(event)
        place = QRect(self.width() - _ARROW - _ARROW_RIGHT, (self.height() - _ARROW) // 2, _ARROW, _ARROW)
        icon("caret-down", tokens_of(self).text_2).paint(QPainter(self), place)


class Tick(QCheckBox):
    """Yes or no."""

    def paintEvent(self, event: QPaintEvent) -> None:
        """The box, and a check in it when it is on."""
        super().paintEvent(event)
        if self.isChecked():
            option = QStyleOptionButton()
            self.initStyleOption(option)
            place = self.style().subElementRect(QStyle.SubElement.SE_CheckBoxIndicator, option, self)
            icon("check", tokens_of(self).on_accent).paint(QPainter(self), place)
