"""Choosing one session out of all, by its name."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from app.core.session import SessionFilter
from app.desktop.commands import Commands
from app.desktop.models.columns import Clock
from app.desktop.models.rows import Rows
from app.desktop.models.session_columns import TOKENS, session_columns
from app.desktop.models.session_view import Activity, SessionRow, session_rows
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.session_table import SessionTable
from app.desktop.widgets.text import heading
from app.ledger.session_list import PageWish, SessionLook, look_at_sessions

_SIZE = (620, 440)
_SHOWN = 60
_TYPING_MS = 150


class SessionChooser(QDialog):
    """`chosen` tells the id of the session."""

    chosen = Signal(object)

    def __init__(self, commands: Commands, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare with another session")
        self.resize(*_SIZE)
        self._question = commands.questions.new(self)
        self._clock = Clock(datetime.now(UTC), ZoneInfo(commands.time_zone))
        self.rows: Rows[SessionRow] = Rows(session_columns(self._clock), lambda row: row.key)
        self.rows.setParent(self)
        self.table = SessionTable(self.rows)
        self.table.opened.connect(self._take)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search sessions")
        self.search.setAccessibleName("Search sessions")
        self.error = ErrorLine()
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._look)
        self.search.textChanged.connect(lambda _text: self._typing.start())
        self._lay_out()
        self._look()

    def _look(self) -> None:
        wanted = SessionFilter(self.search.text().strip(), is_imported=False)  # of logs too little is known
        self._question.ask(
            lambda: lambda ledger, go_on: look_at_sessions(ledger, wanted, page=PageWish(_SHOWN), go_on=go_on),
            self._show, self.error.tell, at_once=True,
        )  # fmt: skip

    def _show(self, look: SessionLook) -> None:
        sessions = look.page.sessions if look.page else ()
        self.rows.update(session_rows(sessions, frozenset(), Activity(self._clock.now, on_way=look.news.on_way)))

    def _take(self, row: SessionRow) -> None:
        self.chosen.emit(row.session.id)
        self.accept()

    def _accept_selected(self) -> None:
        row = self.table.selected()
        if row is not None:
            self._take(row)

    def _lay_out(self) -> None:
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        compare = box.addButton("Compare", QDialogButtonBox.ButtonRole.AcceptRole)
        compare.setProperty("kind", "primary")
        box.accepted.connect(self._accept_selected)
        box.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        self.table.hide_columns(frozenset({TOKENS}))
        column.addWidget(heading("Compare with"))
        column.addWidget(self.search)
        column.addWidget(self.error)
        column.addWidget(self.table, 1)
        column.addWidget(box)
