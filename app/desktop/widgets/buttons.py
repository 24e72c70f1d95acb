"""Buttons: plain, primary, links, a row of ranges, and those that answer for money."""

import time
from collections.abc import Callable, Iterable

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QMoveEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QApplication, QButtonGroup, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from app.desktop.theme import icon, tokens_of, tokens_of_palette

GUARD_S = 0.5


def button(text: str, on_click: Callable[[], object], *, kind: str = "", name: str = "") -> QPushButton:
    """A button; `kind` is "", primary, destructive, link or quiet. `name` is what a screen reader says."""
    made = QPushButton(text)
    _dress(made, on_click, kind, name)
    return made


class GuardedButton(QPushButton):
    """An answer about money. It ignores clicks and keys for half a second after it appears or moves, so that what was
    meant for something else that stood there does not spend anything. It is never a default button."""

    def __init__(self, text: str, on_click: Callable[[], object], *, kind: str = "", name: str = "") -> None:
        super().__init__(text)
        self._still_since = time.monotonic()
        _dress(self, on_click, kind, name)
        self.setAutoDefault(False)

    @property
    def is_armed(self) -> bool:
        """Whether it has stood still long enough."""
        return time.monotonic() - self._still_since >= GUARD_S

    def press(self) -> None:
        """Click it from a key, under the same guard."""
        if self.is_armed and self.isEnabled():
            self.click()

    def showEvent(self, event: QShowEvent) -> None:
        """It appeared."""
        self._still_since = time.monotonic()
        super().showEvent(event)

    def moveEvent(self, event: QMoveEvent) -> None:
        """It moved."""
        self._still_since = time.monotonic()
        super().moveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Only when armed."""
        if self.is_armed:
            super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Only when armed."""
        if self.is_armed or event.key() in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Escape):
            super().keyPressEvent(event)
        else:
            event.accept()


class IconButton(QPushButton):
    """A quiet button with an icon before its word, tinted again when the theme changes."""

    def __init__(self, text: str, icon_name: str, on_click: Callable[[], object], *, name: str = "") -> None:
        super().__init__(text)
        self._icon_name = icon_name
        _dress(self, on_click, "quiet", name)
        self._tint()

    def show_as(self, text: str, icon_name: str) -> None:
        """Another word and icon."""
        if (text, icon_name) != (self.text(), self._icon_name):
            self._icon_name = icon_name
            self.setText(text)
            self.setAccessibleName(text)
            self._tint()

    def changeEvent(self, event: QEvent) -> None:
        """Tint the icon for a new theme."""
        if event.type() == QEvent.Type.PaletteChange:
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        """By the application's palette: this button's own ground is transparent, which reads as dark."""
        self.setIcon(icon(self._icon_name, tokens_of_palette(QApplication.palette()).text_2))


class Segments(QWidget):
    """A few choices side by side, one of them taken."""

    chosen = Signal(str)

    def __init__(self, names: Iterable[str], taken: str, *, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(1, 1, 1, 1)
        row.setSpacing(0)
        for text in names:
            segment = QPushButton(text)
            segment.setProperty("kind", "segment")
            segment.setCheckable(True)
            segment.setChecked(text == taken)
            segment.setAccessibleName(f"{name}: {text}")
            self._group.addButton(segment)
            row.addWidget(segment)
        self._group.buttonToggled.connect(self._lead_tab)
        self._lead_tab()
        self._group.buttonClicked.connect(lambda segment: self.chosen.emit(segment.text()))

    def take(self, name: str) -> None:
        """Show another one as taken, without telling."""
        for segment in self._group.buttons():
            segment.setChecked(segment.text() == name)

    def _lead_tab(self, *_ignored: object) -> None:
        """Tab comes to the one that is taken; arrows go on from there."""
        for segment in self._group.buttons():
            is_taken = segment.isChecked()
            segment.setFocusPolicy(Qt.FocusPolicy.StrongFocus if is_taken else Qt.FocusPolicy.ClickFocus)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The trough they lie in."""
        tokens = tokens_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.button_edge)))
        painter.setBrush(QColor(tokens.window))
        painter.drawRoundedRect(self.rect().toRectF().adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


def _dress(made: QPushButton, on_click: Callable[[], object], kind: str, name: str) -> None:
    if kind:
        made.setProperty("kind", kind)
    made.setAccessibleName(name or made.text())
    made.clicked.connect(lambda _checked=False: on_click())
