"""Type sizes as steps from the system's own font size, with figures of one width."""

from enum import IntEnum

from PySide6.QtGui import QFont, QFontDatabase, QFontInfo
from PySide6.QtWidgets import QApplication


class Size(IntEnum):
    """Pixels above or below the base size."""

    CAPTION = -1
    BODY = 0
    SECTION = 2
    TITLE = 7
    FIGURE = 15
    LARGE = 19


REGULAR = QFont.Weight.Normal
MEDIUM = QFont.Weight.Medium
SEMIBOLD = QFont.Weight.DemiBold


def tabular(font: QFont) -> QFont:
    """The font with figures of one width, so that amounts line up and do not shiver when they change."""
    result = QFont(font)
    result.setFeature(QFont.Tag("tnum"), 1)
    return result


def sized(size: Size = Size.BODY, weight: QFont.Weight = REGULAR) -> QFont:
    """The application's font at one step of the scale."""
    font = QFont(QApplication.font())
    font.setPixelSize(QFontInfo(QApplication.font()).pixelSize() + size)
    font.setWeight(weight)
    return font


def monospace() -> QFont:
    """The system's fixed font at body size: for commands, keys and ids only."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    font.setPixelSize(QFontInfo(QApplication.font()).pixelSize() + Size.CAPTION)
    return font
