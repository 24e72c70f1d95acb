"""Approvals: who waits, grouped by session, with the answers; and what was answered before."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from app.core.money import format_usd
from app.desktop.commands import Commands
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size
from app.desktop.formats import plural, relative_time
from app.desktop.models.approval_view import GroupKey, WaitingGroup, answer_words, shown_groups, task_line, up_to
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.approval_detail import ApprovalDetail
from app.desktop.pages.page import MARGIN, Page
from app.desktop.theme import tokens_of
from app.desktop.widgets.ground import Hairline, clear, scrolling, widgets_in
from app.desktop.widgets.table import CELL_PAD
from app.desktop.widgets.text import ElidedText, Text, heading
from app.ledger.approval_store import Approval

LIST_WIDTH = 316
_ANSWERED_SHOWN = 50
_SESSIONS_SHOWN = 100
_ANSWER_KEYS = (Qt.Key.Key_A, Qt.Key.Key_S, Qt.Key.Key_R, Qt.Key.Key_X)
_ALL_ANSWERED = "When a cap is reached, or an agent repeats itself, its next call waits here."


class ApprovalsPage(Page):
    """A list of sessions that wait on the left, the chosen one on the right. `session_asked` asks to see a session."""

    session_asked = Signal(object)

    def __init__(self, commands: Commands) -> None:
        super().__init__("Approvals")
        self._commands = commands
        self._chosen: GroupKey | None = None
        self._snapshot: Snapshot | None = None
        self._listed: object = None
        self.detail: ApprovalDetail | None = None
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._list, self._side = QVBoxLayout(), QVBoxLayout()
        self._list.setSpacing(0)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN - 8, 12, 12, MARGIN)
        column.addLayout(self._list)
        column.addStretch(1)
        self._left, self._line = scrolling(inner), Hairline(is_upright=True)
        self._left.setFixedWidth(LIST_WIDTH)
        self._side.setContentsMargins(MARGIN - CELL_PAD, MARGIN - 8, MARGIN - CELL_PAD, MARGIN)
        row = QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self._left)
        row.addWidget(self._line)
        row.addLayout(self._side, 1)
        self.content.addLayout(row, 1)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading; the chosen session stays chosen while it waits."""
        self._snapshot = snapshot
        groups = shown_groups(snapshot)
        keys = [group.key for group in groups]
        if self._chosen not in keys:
            self._chosen = keys[0] if keys else None
        self._fill_list(snapshot, groups)
        self._fill_side(snapshot, groups)

    def group_rows(self) -> list["GroupRow"]:
        """The rows of the sessions that wait."""
        return [widget for widget in widgets_in(self._list) if isinstance(widget, GroupRow)]

    def _fill_list(self, snapshot: Snapshot, groups: tuple[WaitingGroup, ...]) -> None:
        """Made anew only when it says something else: hundreds of rows are slow to make."""
        minute = snapshot.read_at.replace(second=0, microsecond=0)
        says = (self._chosen, groups, snapshot.answered, minute)
        if says == self._listed:
            return
        self._listed = says
        for part in (self._left, self._line):
            part.setVisible(bool(groups or snapshot.answered))
        had_focus = any(row.hasFocus() for row in self.group_rows())
        clear(self._list)
        if groups:
            self._list.addLayout(_list_head("Waiting", _total(snapshot)))
        for group in groups[:_SESSIONS_SHOWN]:
            row = GroupRow(group, is_chosen=group.key == self._chosen)
            row.chosen.connect(self._choose)
            row.pressed_key.connect(self._pass_key)
            self._list.addWidget(row)
            if had_focus and group.key == self._chosen:
                row.setFocus()
        if len(groups) > _SESSIONS_SHOWN:
            more = Text(f"{len(groups) - _SESSIONS_SHOWN} more sessions wait", ink="text_3", size=Size.CAPTION)
            more.setContentsMargins(8, 4, 8, 4)
            self._list.addWidget(more)
        if snapshot.answered:
            self._list.addSpacing(12 if groups else 0)
            self._list.addLayout(_list_head("Answered", ""))
        for approval in snapshot.answered[:_ANSWERED_SHOWN]:
            self._list.addWidget(_answered_row(approval, snapshot))

    def _fill_side(self, snapshot: Snapshot, groups: tuple[WaitingGroup, ...]) -> None:
        chosen = next((group for group in groups if group.key == self._chosen), None)
        if chosen is not None and self.detail is not None and self.detail.key == chosen.key:
            self.detail.show_group(chosen, snapshot)
            return
        focused = QApplication.focusWidget()
        if self.detail is not None and focused is not None and self.detail.isAncestorOf(focused):
            self.setFocus()  # else it goes on to the sidebar
        clear(self._side)
        self.detail = None
        if chosen is None:
            self._say_nobody_waits()
            return
        self.detail = ApprovalDetail(chosen, self._commands)
        self.detail.answers.session_asked.connect(self.session_asked)
        self.detail.show_group(chosen, snapshot)
        self._side.addWidget(self.detail, 1)

    def _say_nobody_waits(self) -> None:
        for words in (heading("Nobody waits"), Text(_ALL_ANSWERED, ink="text_2", wraps=True)):
            words.setContentsMargins(CELL_PAD, 0, CELL_PAD, 4)
            self._side.addWidget(words)
        self._side.addStretch(1)

    def _choose(self, key: GroupKey) -> None:
        self._chosen = key
        if self._snapshot is not None:
            self.show_snapshot(self._snapshot)

    def _pass_key(self, event: QKeyEvent) -> None:
        if self.detail is not None:
            self.detail.answers.keyPressEvent(event)


class GroupRow(QWidget):
    """One session that waits. A, S, R and X on it answer for it."""

    chosen = Signal(object)
    pressed_key = Signal(object)

    def __init__(self, group: WaitingGroup, *, is_chosen: bool) -> None:
        super().__init__()
        self._group = group
        self._is_chosen = is_chosen
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        count, most = plural(len(group.calls), "call"), up_to(group.most_nano_usd)
        about = group.place if group.oldest.is_about_cap else group.oldest.cap_name
        if group.lead_of:
            about = f"For a lead of {group.lead_of}"
        self.setAccessibleName(f"{group.agent}, {about}: {count}, {most}")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(2)
        column.addLayout(_pair(ElidedText(group.agent, weight=SEMIBOLD), Text(count, weight=MEDIUM)))
        place = ElidedText(about, ink="text_2", size=Size.CAPTION)
        amount = most if group.oldest.is_about_cap else ""
        column.addLayout(_pair(place, Text(amount, ink="text_2", size=Size.CAPTION)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose it."""
        super().mousePressEvent(event)
        self.setFocus()
        self.chosen.emit(self._group.key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter chooses it; A, S, R and X answer."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.chosen.emit(self._group.key)
        elif self._is_chosen and event.key() in _ANSWER_KEYS:
            self.pressed_key.emit(event)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Its ground when chosen, its ring when focused."""
        tokens = tokens_of(self)
        painter = QPainter(self)
        if self._is_chosen:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.selected))
            painter.drawRoundedRect(self.rect(), 6, 6)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(tokens.accent), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 5, 5)


def _total(snapshot: Snapshot) -> str:
    """`20 calls, up to $10.33`, or as many calls as wait where one has no price."""
    amounts = [call.worst_nano_usd for call in snapshot.held_back]
    known = [amount for amount in amounts if amount is not None]
    count = plural(len(amounts), "call")
    return f"{count}, {up_to(sum(known))}" if len(known) == len(amounts) else count


def _answered_row(approval: Approval, snapshot: Snapshot) -> QWidget:
    row = QWidget()
    column = QVBoxLayout(row)
    column.setContentsMargins(8, 6, 8, 6)
    column.setSpacing(0)
    amount = Text(format_usd(approval.worst_nano_usd), ink="text_2")
    column.addLayout(_pair(ElidedText(answer_words(approval)), amount))
    when = relative_time(approval.answered_at or approval.asked_at, snapshot.read_at, snapshot.zone)
    who = ElidedText(task_line(approval.tags), ink="text_3", size=Size.CAPTION)
    column.addLayout(_pair(who, Text(when, ink="text_3", size=Size.CAPTION)))
    return row


def _list_head(title: str, note: str) -> QHBoxLayout:
    row = _pair(
        Text(title, ink="text_3", size=Size.CAPTION, weight=MEDIUM), Text(note, ink="text_3", size=Size.CAPTION)
    )
    row.setContentsMargins(8, 0, 8, 4)
    return row


def _pair(left: QWidget, right: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(left, 1)
    row.addWidget(right)
    return row
