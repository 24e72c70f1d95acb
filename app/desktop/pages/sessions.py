"""Sessions: the live list, one session's calls, one call, and beside them why a session cost what it did."""

from collections.abc import Callable, Iterable

from PySide6.QtCore import QPoint, QSettings
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QStackedWidget

from app.core.session import Session, SessionId
from app.core.tags import Scope
from app.desktop.commands import Commands
from app.desktop.fonts import Size
from app.desktop.models.columns import Clock
from app.desktop.models.session_view import SessionRow, activity_of, session_rows, title_of
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.explain_panel import ExplainPanel
from app.desktop.pages.page import Page
from app.desktop.pages.session_actions import SessionActions
from app.desktop.pages.session_calls import CallDetail, SessionCallsView, order_words
from app.desktop.pages.session_list import SessionList
from app.desktop.session_reading import CallReading, CallsReading, read_call, read_calls
from app.desktop.widgets.path_bar import PathBar, Step
from app.desktop.widgets.text import Text
from app.ledger.session_calls import CallWish, NumberedCall

_CALLS_PAGE = 200
_BESIDE_FROM = 1100
_ALL_ROOM = 100
_WIDTHS = "session-columns"


class SessionsPage(Page):
    """The list, a session's calls and one call stand in one place, with a path on top that leads back."""

    def __init__(self, commands: Commands, clock: Clock, state: QSettings) -> None:
        super().__init__("Sessions", has_line=False)
        self._clock, self._state = clock, state
        self._snapshot: Snapshot | None = None
        self._at: Session | None = None
        self._wish, self._limit = CallWish(), _CALLS_PAGE
        self._call: NumberedCall | None = None
        self._calls_question, self._call_question = commands.questions.new(self), commands.questions.new(self)
        self.list = SessionList(commands.questions, clock, self.error.tell)
        self.calls, self.call = SessionCallsView(clock), CallDetail(clock)
        self.orders = SessionActions(commands, self.error.tell)
        self.panel = ExplainPanel(commands)
        self.path = PathBar()
        self._count = Text("", ink="text_2", size=Size.CAPTION)
        self._places = QStackedWidget()
        self._lay_out()
        self._wire()
        self._make_shortcuts()
        self._restore_widths()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading; what only this page shows is read now."""
        self._snapshot = snapshot
        self._clock.now = snapshot.read_at
        self.list.show_snapshot(snapshot)
        if self._at is not None and self._call is None:
            self._read_calls()
        self.panel.refresh()
        self._show_actions()

    def show_filtered(self, labels: Iterable[tuple[Scope, str]]) -> None:
        """The list, filtered by these labels."""
        self.leave_session()
        self.list.look_for(labels)

    def show_session(self, one: SessionId) -> None:
        """The calls of a session."""
        known = self.list.shelf.session(one)
        now = self._snapshot.read_at if self._snapshot else self._clock.now
        self.open_session(known or Session(one, (), now), CallWish())

    def open_session(self, session: Session, wish: CallWish) -> None:
        """The calls of a session, some or all of them."""
        self._at, self._wish, self._limit, self._call = session, wish, _CALLS_PAGE, None
        self.calls.rows.update(())
        self._places.setCurrentWidget(self.calls)
        self._read_calls(at_once=True)
        self._show_path()
        self._cover()
        self.calls.table.setFocus()

    def open_call(self, numbered: NumberedCall) -> None:
        """One call."""
        self._call = numbered
        self.call.forget()
        self._places.setCurrentWidget(self.call)
        is_imported = self._at is not None and self._at.id.is_imported
        self._call_question.ask(
            lambda: lambda ledger, _go_on: read_call(ledger, numbered, is_imported=is_imported),
            self._show_call, self.error.tell, at_once=True,
        )  # fmt: skip
        self._show_path()
        self.call.setFocus()

    def leave_session(self) -> None:
        """Back to the list."""
        self._at, self._call = None, None
        self._places.setCurrentWidget(self.list)
        self._show_path()
        self._show_actions()
        self.list.table.setFocus()

    def go_back(self) -> None:
        """One step up the path."""
        if self._call is not None:
            self._call = None
            self._places.setCurrentWidget(self.calls)
            self._show_path()
            self.calls.table.setFocus()
        elif self._at is not None:
            self.leave_session()

    def save_widths(self) -> None:
        """Remember how wide a person drew the columns."""
        widths = [f"{title}={width}" for title, width in self.list.table.own_widths.items()]
        self._state.setValue(_WIDTHS, ";".join(widths))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The panel stands beside the list, or covers it where there is no room for both."""
        super().resizeEvent(event)
        self._cover()

    def _read_calls(self, *, at_once: bool = False) -> None:
        session, wish, limit = self._at, self._wish, self._limit
        if session is not None:
            self._calls_question.ask(
                lambda: lambda ledger, _go_on: read_calls(ledger, session.id, wish, limit),
                lambda reading: self._show_calls(reading, wish), self.error.tell, at_once=at_once,
            )  # fmt: skip

    def _show_calls(self, reading: CallsReading, wish: CallWish) -> None:
        if self._at is not None and reading.session is not None and reading.session.id == self._at.id:
            self._at = reading.session
        self.calls.show_calls(reading, wish)
        self._show_actions()

    def _show_call(self, reading: CallReading) -> None:
        if self._call is not None and reading.numbered == self._call:
            self.call.show_call(reading)

    def _more_calls(self) -> None:
        self._limit = self.calls.rows.rowCount() + _CALLS_PAGE
        self._read_calls()

    def _show_path(self) -> None:
        steps: list[Step] = []
        here = "Sessions"
        if self._at is not None:
            steps.append(("Sessions", self.leave_session))
            here = title_of(self._at.id)
            if self._call is not None:
                steps.append((here, self.go_back))
                here = f"call {self._call.number:,}"
            elif not self._wish.is_plain:
                session = self._at
                steps.append((here, lambda: self.open_session(session, CallWish())))
                here = self._part_words()
        self.title.setVisible(not steps)
        self._count.setVisible(not steps)
        self.path.show_path(steps, here)

    def _part_words(self) -> str:
        """What some calls of a session are called in the path."""
        if self._at is not None and self._wish.part is not None:
            row = next((row for row in self._rows_of(self._at) if row.part == self._wish.part), None)
            return row.name if row else "main conversation"
        done = f"{self._wish.outcome} calls" if self._wish.outcome else "calls"
        return f"{done}, {order_words(self._wish)} first"

    def _rows_of(self, session: Session) -> list[SessionRow]:
        assert self._snapshot is not None
        activity = activity_of(self._snapshot, self.list.shelf.on_way)
        return session_rows([session], frozenset([session.id]), activity)

    def _show_actions(self) -> None:
        """What can be done with the session that is open, or with the row that is chosen."""
        row = self.list.table.selected()
        if self._at is not None and self._snapshot is not None:
            row = self._rows_of(self._at)[0]
        self.orders.show_row(row)

    def _explain(self, session: Session) -> None:
        self.panel.show_session(session)
        self._cover()
        self.panel.against.setFocus()

    def _close_panel(self) -> None:
        self._cover()
        self._focus_place()

    def _focus_place(self) -> None:
        place = self.call if self._call is not None else self.list.table if self._at is None else self.calls.table
        place.setFocus()

    def _open_from_panel(self, session: Session, wish: CallWish) -> None:
        if self.width() < self._room_for_both():
            self.panel.close_panel()
        self.open_session(session, wish)

    def _open_row(self, row: SessionRow) -> None:
        self.open_session(row.session, CallWish(row.part))

    def _open_menu(self, place: QPoint) -> None:
        if self.list.table.selected() is not None:
            self.orders.open_menu(self.list.table.viewport().mapToGlobal(place))

    def _leave_panel_or_path(self) -> None:
        """Esc: the panel first, then the search."""
        if self.panel.session is not None:
            self.panel.close_panel()
        elif self.list.search.hasFocus():
            self.list.search.clear()
            self.list.table.setFocus()

    def _cover(self) -> None:
        is_open = self.panel.session is not None
        beside = self.width() >= self._room_for_both()
        self.main.setVisible(beside or not is_open)
        self.panel.setMaximumWidth(self.panel.minimumWidth() if beside else 16_777_215)
        self.list.make_room(self.width() - (self.panel.minimumWidth() if is_open and beside else 0))

    def _room_for_both(self) -> int:
        """The window's least width for the panel beside the list, less the sidebar's."""
        return _BESIDE_FROM - (self.window().width() - self.width())

    def _wire(self) -> None:
        self.list.counted.connect(self._count.setText)
        self.list.table.opened.connect(self._open_row)
        self.list.table.selectionModel().selectionChanged.connect(lambda *_: self._show_actions())
        self.list.shown.connect(self._show_actions)
        self.list.table.asked.connect(self.orders.press)
        self.list.table.customContextMenuRequested.connect(self._open_menu)
        self.list.table.widths_changed.connect(self.save_widths)
        self.calls.opened.connect(self.open_call)
        self.calls.rows.wanted_more.connect(self._more_calls)
        self.orders.explain_asked.connect(self._explain)
        self.panel.closed.connect(self._close_panel)
        self.panel.opened.connect(self._open_from_panel)

    def _make_shortcuts(self) -> None:
        keys: tuple[tuple[str, Callable[[], object]], ...] = (
            ("Ctrl+F", self._search),
            ("/", self._search),
            ("Backspace", self.go_back),
            ("Alt+Left", self.go_back),
            ("Esc", self._leave_panel_or_path),
            ("Ctrl+C", self.orders.copy),
            ("Ctrl+Z", self.orders.undo.take_back),
        )
        for sequence, do in keys:
            QShortcut(QKeySequence(sequence), self, do)  # of the window, while this page is the one that shows

    def _search(self) -> None:
        self.leave_session()
        self.list.search.setFocus()
        self.list.search.selectAll()

    def _restore_widths(self) -> None:
        for part in str(self._state.value(_WIDTHS) or "").split(";"):
            title, _, width = part.partition("=")
            if width.isdecimal():
                self.list.table.own_widths[title] = int(width)
        self.list.table.fit_columns()

    def _lay_out(self) -> None:
        self.head.insertWidget(1, self.path, _ALL_ROOM)
        self.head.addWidget(self._count)
        for place in (self.list, self.calls, self.call):
            self._places.addWidget(place)
        self.content.addWidget(self._places, 1)
        self.content.addWidget(self.orders)
        self.beside.addWidget(self.panel)
