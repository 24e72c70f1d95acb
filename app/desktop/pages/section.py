"""The parts of a section on a page: its heading with buttons, the line under it, and what stands in an empty one."""

from PySide6.QtWidgets import QHBoxLayout, QPushButton

from app.desktop.fonts import Size
from app.desktop.widgets.table import CELL_PAD
from app.desktop.widgets.text import Text, heading


def section_head(name: str, *buttons: QPushButton) -> QHBoxLayout:
    """The heading, and the buttons on its right."""
    row = QHBoxLayout()
    row.setContentsMargins(CELL_PAD, 0, CELL_PAD, 0)
    row.setSpacing(8)
    row.addWidget(heading(name))
    row.addStretch(1)
    for made in buttons:
        row.addWidget(made)
    return row


def caption(words: str) -> Text:
    """A line under a heading, level with the text in the table's cells."""
    made = Text(words, ink="text_2", size=Size.CAPTION)
    made.setContentsMargins(CELL_PAD, 0, 0, 0)
    return made


def empty_words(words: str) -> Text:
    """What stands in the place of a table without rows."""
    made = Text(words, ink="text_2")
    made.setContentsMargins(CELL_PAD, 12, 0, 0)
    return made
