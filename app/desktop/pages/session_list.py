"""The list of the Sessions page: search and filters, the tree, and what stands in its place when it is empty."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from app.core.errors import AppError
from app.core.session import SessionFilter, SessionId
from app.core.tags import Scope
from app.desktop.formats import plural
from app.desktop.models.columns import Clock
from app.desktop.models.rows import Rows
from app.desktop.models.session_columns import PROJECT, TOKENS, session_columns
from app.desktop.models.session_shelf import SessionShelf
from app.desktop.models.session_view import SessionRow, SessionState, activity_of, session_rows
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.page import MARGIN
from app.desktop.questions import Questions
from app.desktop.session_watch import SessionWatch
from app.desktop.widgets.buttons import IconButton, button
from app.desktop.widgets.choice import Choice
from app.desktop.widgets.sections import empty_section
from app.desktop.widgets.session_table import SessionTable
from app.desktop.widgets.table import CELL_PAD, ROW_HEIGHT
from app.desktop.widgets.text import Text

_TYPING_MS = 150
_ROOM_FOR_PROJECT = 560
_ROOM_FOR_TOKENS = 660
_EMPTY_WIDTH = 420
_CHOICE_WIDTH = 118
_SEARCH_WIDTH = 420
_IN_CHOICES = (Scope.AGENT, Scope.PROJECT)
_STATES = {None: "Any state"} | {state: state.value.capitalize() for state in SessionState}


class SessionList(QWidget):
    """`counted` tells `46 today, 3 running`, `shown` that rows came or changed."""

    counted = Signal(str)
    shown = Signal()

    def __init__(self, questions: Questions, clock: Clock, failed: Callable[[AppError], None]) -> None:
        super().__init__()
        self._watch = SessionWatch(questions, failed, self)
        self._snapshot: Snapshot | None = None
        self._open_ones: frozenset[SessionId] = frozenset()
        self.rows: Rows[SessionRow] = Rows(session_columns(clock), lambda row: row.key)
        self.rows.setParent(self)
        self.table = SessionTable(self.rows)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search sessions")
        self.search.setAccessibleName("Search sessions")
        self.search.setClearButtonEnabled(True)
        self.agents, self.projects, self.states = Choice(), Choice(), Choice()
        self.news = button("", self.show_newest, kind="link")
        self.label = IconButton("", "x", self._drop_label)
        self._label: tuple[Scope, str] | None = None
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._look)
        self._stack = QStackedWidget()
        self._fill_choices()
        self._lay_out()
        self._watch.changed.connect(self._render)
        self._watch.named.connect(self.offer)
        self.rows.wanted_more.connect(self._watch.read_more)
        self.table.folded.connect(self._fold)
        self.table.left.connect(self._render)

    @property
    def shelf(self) -> SessionShelf:
        """What was read so far."""
        return self._watch.shelf

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Times and states of this reading at once, then what it does not tell."""
        self._snapshot = snapshot
        if self.shelf.seen is not None:
            self._render()
        self._look()

    def show_newest(self) -> None:
        """Order by the newest call now, whatever is chosen."""
        self.table.clearSelection()
        self.table.scrollToTop()
        self._render(is_held=False)

    @property
    def wanted(self) -> SessionFilter:
        """What is looked for."""
        chosen = (
            (scope, str(box.currentData()))
            for scope, box in zip(_IN_CHOICES, (self.agents, self.projects), strict=True)
            if box.currentData()
        )
        labels = (*chosen, *((self._label,) if self._label else ()))
        return SessionFilter(self.search.text().strip(), labels)

    @property
    def state(self) -> SessionState | None:
        """The state that is asked for; None for any."""
        chosen = self.states.currentData()
        return SessionState(chosen) if chosen else None

    def look_for(self, labels: Iterable[tuple[Scope, str]], text: str = "") -> None:
        """Look for these labels and words, and for nothing else."""
        told = dict(labels)
        self.search.setText(text)
        self.states.setCurrentIndex(0)
        for scope, box in zip(_IN_CHOICES, (self.agents, self.projects), strict=True):
            _choose(box, told.pop(scope, ""))
        self._label = next(iter(told.items()), None)
        self._show_label()
        self._look()

    def offer(self, agents: Iterable[str], projects: Iterable[str]) -> None:
        """Names that can be chosen, besides those that are offered already."""
        for box, names in ((self.agents, agents), (self.projects, projects)):
            for name in dict.fromkeys(names):
                if name and box.findData(name) < 0:
                    box.addItem(name, name)

    def clear_filters(self) -> None:
        """Look for everything."""
        self.look_for(())

    def make_room(self, width: int) -> None:
        """Leave columns out where the list is that narrow: tokens first, then the project."""
        hidden = {PROJECT: _ROOM_FOR_PROJECT, TOKENS: _ROOM_FOR_TOKENS}
        self.table.hide_columns(frozenset(title for title, least in hidden.items() if width < least))

    def _look(self) -> None:
        if self._snapshot is not None:
            self._watch.look(self.wanted, self.state, self._snapshot)

    def _render(self, *, is_held: bool | None = None) -> None:
        snapshot, shelf = self._snapshot, self.shelf
        if snapshot is None:
            return
        activity = activity_of(snapshot, shelf.on_way)
        sessions, fresh = shelf.arrange(activity, is_held=self.table.is_held if is_held is None else is_held)
        self.offer((one.id.agent for one in sessions), (one.id.project for one in sessions))
        self.rows.has_more = shelf.has_more
        self.rows.update(session_rows(sessions, self._open_ones, activity))
        self.news.setText(f"{fresh} new, show")
        self.news.setAccessibleName(f"Show {plural(fresh, 'new session')}")
        self.news.setVisible(fresh > 0)
        is_nothing = not sessions and not self._watch.is_reading
        self._stack.setCurrentIndex(0 if not is_nothing else 2 if snapshot.is_empty else 1)
        running = sum(1 for one in snapshot.sessions if one.session not in snapshot.stopped | snapshot.paused)
        self.counted.emit(f"{self._watch.today:,} today, {running:,} running")
        self.shown.emit()
        if shelf.has_more and self.rows.rowCount() * ROW_HEIGHT < self.table.viewport().height():
            self._watch.read_more()

    def _fold(self, row: SessionRow) -> None:
        self._open_ones ^= {row.session.id}
        self._render(is_held=True)

    def _drop_label(self) -> None:
        self._label = None
        self._show_label()
        self._look()

    def _show_label(self) -> None:
        self.label.setVisible(self._label is not None)
        if self._label is not None:
            scope, value = self._label
            self.label.show_as(f"{scope.value.replace('_', ' ').capitalize()}: {value[:40]}", "x")
            self.label.setAccessibleName(f"Do not filter by {scope.value}: {value}")

    def _fill_choices(self) -> None:
        for box, first, name in (
            (self.agents, "All agents", "Agent"),
            (self.projects, "All projects", "Project"),
        ):
            box.addItem(first, "")
            box.setAccessibleName(name)
        for state, words in _STATES.items():
            self.states.addItem(words, state.value if state else "")
        self.states.setAccessibleName("State")
        for box in (self.agents, self.projects, self.states):
            box.setFixedWidth(_CHOICE_WIDTH)
            box.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
            box.currentIndexChanged.connect(lambda _index: self._look())
        self.search.textChanged.connect(lambda _text: self._typing.start())

    def _lay_out(self) -> None:
        filters = QHBoxLayout()
        filters.setContentsMargins(MARGIN, 0, MARGIN, 8)
        filters.setSpacing(8)
        self.search.setMaximumWidth(_SEARCH_WIDTH)
        filters.addWidget(self.search, 1)
        for box in (self.agents, self.projects, self.states):
            filters.addWidget(box)
        filters.addStretch(0)
        lines = QHBoxLayout()
        lines.setContentsMargins(MARGIN, 0, MARGIN, 4)
        lines.addWidget(self.label)
        lines.addStretch(1)
        lines.addWidget(self.news)
        self.label.hide()
        self.news.hide()
        for part in (_in_margin(self.table), self._nothing_found(), self._never()):
            self._stack.addWidget(part)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(filters)
        column.addLayout(lines)
        column.addWidget(self._stack, 1)

    def _nothing_found(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(MARGIN, 12, MARGIN, MARGIN)
        column.addWidget(Text("No session matches.", ink="text_2"))
        self.clear_button = button("Clear filters", self.clear_filters)
        column.addWidget(self.clear_button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        return box

    def _never(self) -> QWidget:
        box, empty = QWidget(), empty_section()
        empty.setMaximumWidth(_EMPTY_WIDTH)
        column = QVBoxLayout(box)
        column.setContentsMargins(MARGIN - 16, 0, 0, 0)
        column.addWidget(empty)
        column.addStretch(1)
        return box


def _in_margin(table: SessionTable) -> QWidget:
    """The table with its text level with the page's."""
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(MARGIN - CELL_PAD, 0, MARGIN - CELL_PAD, 0)
    column.addWidget(table)
    return box


def _choose(box: Choice, value: str) -> None:
    """Take a value, which is offered from now on, without telling."""
    if value and box.findData(value) < 0:
        box.addItem(value, value)
    was_blocked = box.blockSignals(True)
    box.setCurrentIndex(max(0, box.findData(value)))
    box.blockSignals(was_blocked)
    box.update()
