"""The popover: figures, what needs an answer, what runs, the tightest caps."""

from collections.abc import Callable
from datetime import UTC, datetime

from PySide6.QtCore import QEvent, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.core.session import SessionOrder
from app.desktop.commands import Commands
from app.desktop.fonts import SEMIBOLD
from app.desktop.formats import plural
from app.desktop.models.approval_view import GroupKey, WaitingGroup, shown_groups
from app.desktop.models.snapshot import Snapshot
from app.desktop.theme import tokens_of
from app.desktop.widgets.approval_band import ApprovalBand
from app.desktop.widgets.buttons import IconButton, button
from app.desktop.widgets.cold_line import ColdLine
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.ground import Ground, Hairline, chain_tabs, clear, scrolling, widgets_in
from app.desktop.widgets.sections import (
    caps_section,
    empty_section,
    figures_section,
    ledger_section,
    running_section,
    trouble_section,
)
from app.desktop.widgets.text import Text

WIDTH = 360
MOST_HEIGHT = 640
MOST_BANDS = 3
CLOSE_AFTER_MS = 250
MARGIN = 16
_EDGE = 1
_FOOT_HEIGHT = 44
_QUIET_PAD = 6


class Popover(QFrame):
    """A frameless small window. `opened` asks for the main window, with the name of a page or none, `session_asked` for
    a session in it."""

    opened = Signal(str)
    session_asked = Signal(object)
    retried = Signal()

    def __init__(self, commands: Commands) -> None:
        super().__init__(None, Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint)
        self.setWindowTitle("Bursar")
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._commands = commands
        self._snapshot: Snapshot | None = None
        self._bands: dict[GroupKey, ApprovalBand] = {}
        self._tick = QTimer(self, interval=1_000)
        self._tick.timeout.connect(self._tell_times)
        self._top, self._asking, self._body = QVBoxLayout(), QVBoxLayout(), QVBoxLayout()
        self.error = ErrorLine()
        self._open = IconButton("Open Bursar", "app-window", lambda: self.opened.emit(""))
        self._pause = IconButton("Pause all", "pause-circle", self._toggle_pause)
        self._more = button("", self._page_opener("Approvals"), kind="link")
        self._more.hide()
        self._column = QVBoxLayout(self)
        self._middle = QVBoxLayout()
        self._area = self._lay_out()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Show this reading. Bands of sessions that still wait stay where they are."""
        self._snapshot = snapshot
        self._fill_top(snapshot)
        self._fill_bands(snapshot)
        self._fill_body(snapshot)
        self._pause.show_as(*(("Resume all", "play-circle") if snapshot.is_paused else ("Pause all", "pause-circle")))
        top, asking, body = (widgets_in(part) for part in (self._top, self._asking, self._body))
        chain_tabs((*top, self._more, *asking, *body, self._open, self._pause))
        self._fit_soon()

    def toggle_at(self, click: QPoint) -> None:
        """Open beside the click, or close."""
        if self.isVisible():
            self.hide()
            return
        self._fit()
        screen = QGuiApplication.screenAt(click) or QGuiApplication.primaryScreen()
        room = screen.availableGeometry()
        left = min(max(room.left(), click.x() - WIDTH // 2), room.right() - WIDTH)
        below = click.y() <= room.center().y()
        top = click.y() + 8 if below else click.y() - self.height() - 8
        self.move(left, max(room.top(), min(top, room.bottom() - self.height())))
        self.show()
        self.raise_()
        self.activateWindow()
        self.setFocus()  # a key that was meant for something else answers and stops nothing
        self._tick.start()

    def hideEvent(self, event: object) -> None:
        """Nothing ticks while nobody looks."""
        self._tick.stop()

    def changeEvent(self, event: QEvent) -> None:
        """Close a moment after losing focus, unless it comes back: panels steal it for a moment."""
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            QTimer.singleShot(CLOSE_AFTER_MS, self, self._close_if_left)
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes."""
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground and edge."""
        tokens = tokens_of(self)
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(tokens.raised))
        painter.setPen(QPen(QColor(tokens.line)))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def bands(self) -> list[ApprovalBand]:
        """The bands that stand now, oldest first."""
        return list(self._bands.values())

    def _lay_out(self) -> QScrollArea:
        self.setFixedWidth(WIDTH)
        middle = Ground("raised")
        inner = self._middle
        middle.setLayout(inner)
        for part in (self._top, self._asking, self._body):
            part.setContentsMargins(0, 0, 0, 0)
            part.setSpacing(0)
        row = QHBoxLayout()
        row.setContentsMargins(MARGIN, 0, MARGIN, 0)
        row.addWidget(self._more)
        row.addStretch(1)
        for layout in (self._top, row, self._asking, self._body):
            inner.addLayout(layout)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addStretch(1)
        area = scrolling(middle)
        column = self._column
        column.setContentsMargins(_EDGE, _EDGE, _EDGE, _EDGE)
        column.setSpacing(0)
        column.addWidget(area, 1)
        column.addWidget(self.error)
        column.addWidget(Hairline())
        column.addLayout(self._foot())
        return area

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.setContentsMargins(MARGIN - _QUIET_PAD, 6, MARGIN - _QUIET_PAD, 6)
        foot.addWidget(self._open)
        foot.addStretch(1)
        foot.addWidget(self._pause)
        return foot

    def _fill_top(self, snapshot: Snapshot) -> None:
        clear(self._top)
        self._top.addWidget(figures_section(snapshot))
        if snapshot.trouble:
            self._top.addWidget(trouble_section(snapshot, self.retried.emit, self._page_opener("Doctor")))
        if snapshot.ledger_trouble is not None:
            self._top.addWidget(ledger_section(*snapshot.ledger_trouble))
        if snapshot.is_paused:
            self._top.addWidget(self._paused_band(snapshot))

    def _paused_band(self, snapshot: Snapshot) -> QWidget:
        band = Ground("window")
        column = QVBoxLayout(band)
        column.setContentsMargins(MARGIN, 12, MARGIN, 12)
        column.setSpacing(8)
        column.addWidget(Text("Everything is paused", weight=SEMIBOLD))
        column.addWidget(Text("Agents wait. Nothing is sent.", ink="text_2"))
        resume = button("Resume", self._toggle_pause)
        column.addWidget(resume, 0, Qt.AlignmentFlag.AlignLeft)
        return band

    def _fill_bands(self, snapshot: Snapshot) -> None:
        groups = shown_groups(snapshot)
        shown = _shown(groups)
        if [group.key for group in shown] != list(self._bands):
            kept = {key: band for key, band in self._bands.items() if key in {group.key for group in shown}}
            self._set_bands(shown, kept)
        self._more.setVisible(len(groups) > len(shown))
        if len(groups) > len(shown):
            calls, sessions = plural(len(snapshot.held_back), "call"), plural(len(groups), "session")
            self._more.setText(f"{calls} wait in {sessions}. Open Approvals")
        for group in shown:
            self._bands[group.key].show_group(group, snapshot)

    def _set_bands(self, shown: tuple[WaitingGroup, ...], kept: dict[GroupKey, ApprovalBand]) -> None:
        """Only the bands that came or went are made or dropped, so a form being typed into stays."""
        for band in kept.values():
            self._asking.removeWidget(band)
        clear(self._asking)
        self._bands = {group.key: kept.get(group.key) or self._new_band(group) for group in shown}
        for band in self._bands.values():
            self._asking.addWidget(band)

    def _new_band(self, group: WaitingGroup) -> ApprovalBand:
        band = ApprovalBand(group, self._commands)
        band.answered.connect(self._fit_soon)
        band.session_asked.connect(self.session_asked)
        return band

    def _fill_body(self, snapshot: Snapshot) -> None:
        clear(self._body)
        sections: list[QWidget] = []
        if snapshot.is_empty and not snapshot.held_back:
            sections.append(empty_section())
        if snapshot.at_work:
            sections.append(running_section(snapshot, self._order))
        if not snapshot.is_empty or snapshot.caps:
            sections.append(caps_section(snapshot, self._page_opener("Caps")))
        for section in sections:
            self._body.addWidget(Hairline())
            self._body.addWidget(section)

    def _page_opener(self, page: str) -> Callable[[], None]:
        return lambda: self.opened.emit(page)

    def _toggle_pause(self) -> None:
        if self._snapshot is not None:
            self.error.clear()
            self._commands.set_paused(not self._snapshot.is_paused, self.error.tell)

    def _order(self, session: str, order: SessionOrder) -> None:
        self.error.clear()
        self._commands.order_session(session, order, self.error.tell)

    def _tell_times(self) -> None:
        """Once a second only the times of what waits and of what ends."""
        if self._snapshot is None:
            return
        for group in _shown(shown_groups(self._snapshot)):
            if group.key in self._bands:
                self._bands[group.key].tell_times(group)
        now = datetime.now(UTC)
        for line in self.findChildren(ColdLine):
            if line.tell_time(now):
                self._fit_soon()

    def _fit_soon(self) -> None:
        """Once the new parts stand: a layout takes no room for those it has not shown yet."""
        QTimer.singleShot(0, self, self._fit)

    def _fit(self) -> None:
        """As high as its content, and then the middle scrolls."""
        width = WIDTH - 2 * _EDGE
        self._middle.activate()
        wanted = max(self._middle.heightForWidth(width), self._middle.minimumSize().height())
        self._area.setFixedHeight(min(wanted, MOST_HEIGHT - _FOOT_HEIGHT))
        self._column.activate()
        self.setFixedHeight(self._column.sizeHint().height())

    def _close_if_left(self) -> None:
        if not self.isActiveWindow() and QGuiApplication.focusWindow() is not self.windowHandle():
            self.hide()


def _shown(groups: tuple[WaitingGroup, ...]) -> tuple[WaitingGroup, ...]:
    """The sessions that get a band: all of a few; of many the one that has waited longest, so that the rest of the
    popover stays in sight."""
    return groups if len(groups) <= MOST_BANDS else groups[:1]
