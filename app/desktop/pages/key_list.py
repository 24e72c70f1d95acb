"""The list of keys."""

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QGridLayout, QWidget

from app.desktop.fonts import MEDIUM, Size
from app.desktop.models.key_words import SECTIONS, KeyWords
from app.desktop.pages.key_dialogs import KeyDialog
from app.desktop.widgets.text import Text

_KEY_WIDTH = 150
_RANGE = ("Ctrl+1", "Ctrl+9")


class KeyListDialog(KeyDialog):
    """What each key does, by where it does it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("Keyboard", parent)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnMinimumWidth(0, _KEY_WIDTH)
        grid.setColumnStretch(1, 1)
        for section, lines in SECTIONS.items():
            place = grid.rowCount()
            head = Text(section, ink="text_3", size=Size.CAPTION, weight=MEDIUM)
            head.setContentsMargins(0, 8 if place > 1 else 0, 0, 0)
            grid.addWidget(head, place, 0, 1, 2)
            for line in lines:
                place += 1
                grid.addWidget(Text(shown_keys(line), weight=MEDIUM), place, 0)
                grid.addWidget(Text(line.does, ink="text_2"), place, 1)
        self.column.addLayout(grid)
        self.add_buttons("Done", "primary", can_cancel=False)


def shown_keys(line: KeyWords) -> str:
    """`Ctrl+F or /`, as this system writes them."""
    native = [QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in line.keys]
    return (" to " if line.keys == _RANGE else " or ").join(native)
