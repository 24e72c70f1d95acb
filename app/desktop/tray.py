"""The tray icon: the ring, the tooltip, the native menu, and where the popover opens."""

import sys

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from app.core.errors import AppError
from app.core.session import SessionOrder
from app.desktop.commands import Commands
from app.desktop.models.approval_view import WaitingGroup, shown_groups
from app.desktop.models.ring_state import STARTING, RingState, ring_of
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.tray_words import session_line, spend_line, tooltip_words, waiting_line
from app.desktop.popover import Popover
from app.desktop.tokens import DARK_PANEL, LIGHT_PANEL, TEMPLATE, Inks
from app.desktop.widgets.ring import ring_icon
from app.ledger.spend import SessionSpend
from app.services.settings import TrayInk

_SESSIONS_SHOWN = 12
_WAITING_SHOWN = 5


class Tray(QObject):
    """Left click the popover, right click the menu. The signals ask for what only the application can do."""

    opened = Signal(str)
    quit_asked = Signal()
    stop_asked = Signal()
    failed = Signal(object)

    def __init__(self, commands: Commands, popover: Popover, ink: TrayInk = TrayInk.AUTOMATIC) -> None:
        super().__init__()
        self._commands = commands
        self._popover = popover
        self._snapshot: Snapshot | None = None
        self._state: RingState | None = None
        self._ink = ink
        self.menu = QMenu()
        self.menu.aboutToShow.connect(self.fill_menu)
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        self.icon.setToolTip("Bursar")
        self.icon.activated.connect(self._clicked)
        self._show_state(STARTING)
        self.fill_menu()
        self.icon.show()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """The ring and the tooltip of this reading."""
        self._snapshot = snapshot
        self._show_state(ring_of(snapshot))
        self.icon.setToolTip(tooltip_words(snapshot))

    def fill_menu(self) -> None:
        """Make the menu anew, just before it shows."""
        self.menu.clear()
        snapshot = self._snapshot
        if snapshot is not None:
            self.menu.addAction(spend_line(snapshot)).setEnabled(False)
            groups = shown_groups(snapshot)
            for group in groups[:_WAITING_SHOWN]:
                self._add_waiting(group)
            if len(groups) > _WAITING_SHOWN:
                more = f"{len(groups) - _WAITING_SHOWN} more sessions wait"
                self.menu.addAction(more, lambda: self.opened.emit("Approvals"))
            self.menu.addSeparator()
        self.menu.addAction("Open Bursar", lambda: self.opened.emit(""))
        if snapshot is not None:
            words = "Resume everything" if snapshot.is_paused else "Pause everything"
            self.menu.addAction(words, lambda: self._commands.set_paused(not snapshot.is_paused, self.failed.emit))
            self._add_sessions(snapshot)
        self.menu.addSeparator()
        self.menu.addAction("Settings…", lambda: self.opened.emit("Settings"))
        self.menu.addAction("Quit tray (the meter goes on)", self.quit_asked.emit)
        self.menu.addAction("Quit and stop the meter", self.stop_asked.emit)

    def _add_waiting(self, group: WaitingGroup) -> None:
        if group.lead_of:
            self.menu.addAction(waiting_line(group).replace("&", "&&"), lambda: self.opened.emit("Approvals"))
            return
        answers = self.menu.addMenu(waiting_line(group).replace("&", "&&"))
        call = group.oldest
        if call.is_about_loop:
            answers.addAction("Let it go on", lambda: self._commands.approve(call, self._tell))
            answers.addAction("Stop", lambda: self._commands.refuse(group.calls, self._tell))
            return
        if call.is_about_clock:
            answers.addAction("The clock is right", lambda: self._commands.approve(call, self._tell))
            answers.addAction("Refuse", lambda: self._commands.refuse(group.calls, self._tell))
            return
        answers.addAction("Approve once", lambda: self._commands.approve(call, self._tell))
        if call.tags.session:
            answers.addAction("Approve for this session", lambda: self._commands.approve_session(call, self._tell))
        answers.addAction("Raise cap…", lambda: self.opened.emit("Approvals"))
        answers.addAction("Refuse", lambda: self._commands.refuse(group.calls, self._tell))

    def _add_sessions(self, snapshot: Snapshot) -> None:
        """`Stop ▸`: each running session that has a name to be stopped by; one that is held can go on."""
        named = [session for session in snapshot.sessions if session.session][:_SESSIONS_SHOWN]
        if named:
            orders = self.menu.addMenu("Stop")
            for session in named:
                self._add_session(orders, session, session.session in snapshot.stopped | snapshot.paused)

    def _add_session(self, orders: QMenu, session: SessionSpend, is_held: bool) -> None:
        line = session_line(session).replace("&", "&&")
        words, order = (f"Let it go on: {line}", SessionOrder.GO_ON) if is_held else (line, SessionOrder.STOP)
        orders.addAction(words, lambda: self._commands.order_session(session.session, order, self._tell))

    def _tell(self, error: AppError) -> None:
        self.failed.emit(error)

    def _clicked(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason in (QSystemTrayIcon.ActivationReason.Trigger, QSystemTrayIcon.ActivationReason.DoubleClick):
            self._popover.toggle_at(QCursor.pos())

    def _show_state(self, state: RingState) -> None:
        """Paint only when the picture is another one: some trays blink at every new icon."""
        if state != self._state:
            self._state = state
            self.icon.setIcon(ring_icon(state, panel_inks(self._ink)))

    def choose_ink(self, ink: TrayInk) -> None:
        """Draw with this ink from now on."""
        if ink is not self._ink:
            self._ink = ink
            shown, self._state = self._state, None
            self._show_state(shown or STARTING)


def panel_inks(ink: TrayInk = TrayInk.AUTOMATIC) -> Inks:
    """The chosen inks, else those for this desktop's panel; a dark one where nobody can tell."""
    if ink is not TrayInk.AUTOMATIC:
        return DARK_PANEL if ink is TrayInk.LIGHT else LIGHT_PANEL
    if sys.platform == "darwin":
        return TEMPLATE
    if sys.platform == "win32" and QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light:
        return LIGHT_PANEL
    return DARK_PANEL
