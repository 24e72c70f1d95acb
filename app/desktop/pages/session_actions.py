"""What can be done with one session: buttons, the same as a menu, and an undo for what was done."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QMenu, QVBoxLayout, QWidget

from app.core.errors import AppError
from app.core.session import SessionOrder
from app.core.tags import Scope
from app.desktop.commands import Commands
from app.desktop.models.session_view import ORDERED, SessionRow, cost_words, title_of
from app.desktop.models.snapshot import agent_word
from app.desktop.pages.cap_editor import CapEditor
from app.desktop.pages.page import MARGIN
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import Hairline
from app.desktop.widgets.undo_bar import UndoBar

UNDO_FOR_MS = 8_000


class SessionActions(QWidget):
    """The bar under the page. `explain_asked` is for the panel; the rest is done here. Hidden while no session is
    chosen and nothing can be undone."""

    explain_asked = Signal(object)

    def __init__(self, commands: Commands, failed: Callable[[AppError], None]) -> None:
        super().__init__()
        self._commands = commands
        self._failed = failed
        self._row: SessionRow | None = None
        self.editor: CapEditor | None = None
        self.menu: QMenu | None = None
        self.undo = UndoBar(UNDO_FOR_MS)
        self.explain_button = button("Explain", self.explain)
        self.stop_button = button("Stop", lambda: self.order(SessionOrder.STOP))
        self.pause_button = button("Pause", self.pause_or_resume)
        self.cap_button = button("Set a cap for this session…", self.set_cap)
        self.copy_button = button("Copy as text", self.copy)
        self._bar, self._line = QWidget(), Hairline()
        self._lay_out()
        self.show_row(None)

    def show_row(self, row: SessionRow | None) -> None:
        """Offer what can be done with this session; None for none."""
        self._row = row
        self._bar.setVisible(row is not None)
        self._line.setVisible(row is not None)
        if row is None:
            return
        who = ", ".join((title_of(row.session.id), agent_word(row.session.id.agent)))
        self.pause_button.setText("Pause" if row.standing is SessionOrder.GO_ON else "Resume")
        for made, name in (
            (self.stop_button, f"Stop {who}"),
            (self.pause_button, f"{self.pause_button.text()} {who}"),
            (self.explain_button, f"Explain the cost of {who}"),
            (self.cap_button, f"Set a cap for {who}"),
            (self.copy_button, f"Copy {who} as text"),
        ):
            made.setAccessibleName(name)
        is_named = _has_orders(row)
        self.explain_button.setVisible(not row.session.id.is_imported)
        self.stop_button.setVisible(is_named and row.standing is not SessionOrder.STOP)
        for made in (self.pause_button, self.cap_button):
            made.setVisible(is_named)

    def press(self, letter: str) -> None:
        """Do what a key stands for: E explain, S stop, P pause or resume."""
        if letter == "E":
            self.explain()
        elif letter == "P":
            self.pause_or_resume()
        else:
            self.order(SessionOrder.STOP)

    def explain(self) -> None:
        """Ask why it cost what it did."""
        if self._row is not None and not self._row.session.id.is_imported:
            self.explain_asked.emit(self._row.session)

    def pause_or_resume(self) -> None:
        """Let this session wait, or go on where it is paused or stopped."""
        if self._row is not None:
            is_going_on = self._row.standing is SessionOrder.GO_ON
            self.order(SessionOrder.PAUSE if is_going_on else SessionOrder.GO_ON)

    def order(self, order: SessionOrder) -> None:
        """Stop this session, let it wait or let it go on. Nothing is asked; it can be undone."""
        if self._row is None or not _has_orders(self._row) or self._row.standing is order:
            return
        session, former = self._row.session.id.session, self._row.standing

        def offer() -> None:
            self.undo.offer(ORDERED[order], lambda: self._commands.order_session(session, former, self._failed))

        self._commands.order_session(session, order, self._failed, offer)

    def set_cap(self) -> None:
        """Open the editor for a cap on this session alone."""
        if self._row is not None and _has_orders(self._row):
            self.editor = CapEditor(self._commands, None, self)
            self.editor.begin_with(Scope.SESSION, self._row.session.id.session)
            self.editor.open()

    def copy(self) -> None:
        """What the row says, to the clipboard."""
        if self._row is not None:
            QGuiApplication.clipboard().setText(row_text(self._row))

    def open_menu(self, place: QPoint) -> None:
        """The same as a menu."""
        made = QMenu(self)
        shown = (self.stop_button, self.pause_button, self.explain_button, self.cap_button, self.copy_button)
        for one in shown:
            if one.isVisibleTo(self._bar):
                made.addAction(one.text(), one.click)
        self.menu = made
        made.popup(place)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout(self._bar)
        buttons.setContentsMargins(MARGIN, 8, MARGIN, 12)
        buttons.setSpacing(8)
        for made in (self.stop_button, self.pause_button, self.explain_button, self.cap_button, self.copy_button):
            buttons.addWidget(made)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._line)
        column.addWidget(self.undo)
        column.addWidget(self._bar)


def _has_orders(row: SessionRow) -> bool:
    """Whether its calls come through the meter and can be told by their session."""
    return bool(row.session.id.session) and not row.session.id.is_imported


def row_text(row: SessionRow) -> str:
    """`fix retry on 429, Claude Code, billing-api: 47 calls, $1.50`, for a mail."""
    one = row.session.id
    names = (row.name, row.kind, one.project, f"session {one.session}" if one.session else "")
    who = ", ".join(part for part in names if part)
    return f"{who}: {row.sums.calls:,} calls, {row.sums.tokens:,} tokens, {cost_words(row.sums)}"
