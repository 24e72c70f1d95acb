"""The sidebar: pages by name, how many calls wait, and at its foot what the meter does."""

from PySide6.QtCore import QEvent, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QVBoxLayout

from app.desktop.fonts import MEDIUM, REGULAR, SEMIBOLD, Size, sized
from app.desktop.formats import plural
from app.desktop.models.ring_state import ring_of
from app.desktop.models.snapshot import Snapshot
from app.desktop.theme import icon, tokens_of
from app.desktop.widgets.ground import Ground
from app.desktop.widgets.ring import Ring
from app.desktop.widgets.text import Text

WIDTH = 196
_ITEM_HEIGHT = 28
_ICON_SIZE = 18
_BADGE_HEIGHT = 18
_MOST_COUNT = 999


class Sidebar(Ground):
    """Names of pages. `chosen` tells the name that was clicked."""

    chosen = Signal(str)

    def __init__(self, pages: list[tuple[str, str]], *, gap_before: str) -> None:
        super().__init__("window")
        self.setFixedWidth(WIDTH)
        self.items: dict[str, NavItem] = {}
        self._ring, self._foot = Ring(), Text("", ink="text_2", size=Size.CAPTION)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 14, 8, 14)
        column.setSpacing(4)
        for name, icon_name in pages:
            if name == gap_before:
                column.addSpacing(14)
            item = NavItem(name, icon_name)
            item.clicked.connect(lambda _checked=False, name=name: self.chosen.emit(name))
            self.items[name] = item
            column.addWidget(item)
        column.addStretch(1)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 0, 0, 0)
        foot.setSpacing(10)
        foot.addWidget(self._ring)
        foot.addWidget(self._foot, 1)
        column.addLayout(foot)

    def mark(self, name: str) -> None:
        """Show which page is open."""
        for page, item in self.items.items():
            item.setChecked(page == name)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Ring, words and the count of waiting calls."""
        self._ring.show_state(ring_of(snapshot))
        self._foot.setText(foot_words(snapshot))
        self.items["Approvals"].set_count(len(snapshot.waiting))


class NavItem(QAbstractButton):
    """One page's name with its icon, and a count where something waits."""

    def __init__(self, name: str, icon_name: str) -> None:
        super().__init__()
        self.setText(name)
        self.setAccessibleName(name)
        self.setCheckable(True)
        self.setFixedHeight(_ITEM_HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._icon_name = icon_name
        self._count = 0

    def sizeHint(self) -> QSize:
        """As wide as the sidebar lets it be."""
        return QSize(WIDTH, _ITEM_HEIGHT)

    def set_count(self, count: int) -> None:
        """How many calls wait; 0 shows nothing."""
        if count != self._count:
            self._count = count
            self.setAccessibleName(f"{self.text()}, {plural(count, 'call')} waiting" if count else self.text())
            self.update()

    def enterEvent(self, event: QEvent) -> None:
        """Light up under the pointer."""
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """And out again."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, icon, name, count, focus ring."""
        tokens = tokens_of(self)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        if self.isChecked() or self.underMouse():
            painter.setBrush(QColor(tokens.selected if self.isChecked() else tokens.hover))
            painter.drawRoundedRect(self.rect(), 6, 6)
        top = (self.height() - _ICON_SIZE) // 2
        ink = tokens.text if self.isChecked() else tokens.text_2
        icon(self._icon_name, ink).paint(painter, QRect(8, top, _ICON_SIZE, _ICON_SIZE))
        painter.setPen(QColor(ink))
        painter.setFont(sized(Size.BODY, MEDIUM if self.isChecked() else REGULAR))
        painter.drawText(self.rect().adjusted(36, 0, -40, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        if self._count:
            self._paint_count(painter, QColor(tokens.paused_text), QColor(tokens.content))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 5, 5)

    def _paint_count(self, painter: QPainter, ground: QColor, ink: QColor) -> None:
        text = f"{_MOST_COUNT}+" if self._count > _MOST_COUNT else str(self._count)
        painter.setFont(sized(Size.CAPTION, SEMIBOLD))
        width = max(_BADGE_HEIGHT, painter.fontMetrics().horizontalAdvance(text) + 12)
        badge = QRect(self.width() - width - 6, (self.height() - _BADGE_HEIGHT) // 2, width, _BADGE_HEIGHT)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawRoundedRect(badge, _BADGE_HEIGHT / 2, _BADGE_HEIGHT / 2)
        painter.setPen(ink)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)


def foot_words(snapshot: Snapshot) -> str:
    """What the meter does, in a few words."""
    if snapshot.meter is None:
        return "The meter is not running"
    if snapshot.is_paused:
        return "Everything is paused"
    agents = len(snapshot.agents)
    return f"Metering {plural(agents, 'agent')}" if agents else "Nothing running"
