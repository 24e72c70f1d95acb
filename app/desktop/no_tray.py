"""What stands on top of the window on a desktop without a tray, and what can be done about that."""

from PySide6.QtWidgets import QWidget

from app.desktop.commands import Commands
from app.desktop.pages.key_dialogs import NoteDialog
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.notice import Notice

START, HOW = "Start at login", "How to add a tray"
_SAID = "This desktop has no tray. Bursar stays here and tells you by notification."
_STARTS = "Bursar starts when you log in."
_HOW_TO = (
    "GNOME shows no tray icons by itself. The extension “AppIndicator and KStatusNotifierItem Support” adds them: "
    "install it with the extension manager or from your distribution (gnome-shell-extension-appindicator), then sign "
    "out and in again.\n\nKDE, Xfce, Cinnamon, MATE and LXQt have a tray as a part of their panel: add it to the panel "
    "if it was taken out. On a bare window manager any tray that speaks StatusNotifierItem or XEmbed will do."
)


class NoTray(Notice):
    """Start at login is offered where Bursar does not start by itself yet."""

    def __init__(self, commands: Commands, error: ErrorLine, window: QWidget) -> None:
        super().__init__({START: self._start, HOW: self._explain}, ground="window")
        self._commands = commands
        self._error = error
        self._window = window
        self.dialog: NoteDialog | None = None

    def tell_missing(self) -> None:
        """Say so."""
        self.buttons[START].hide()
        self.tell(_SAID)
        if self._commands.machine.can_start_at_login:
            self._commands.machine.look_at_login(
                lambda starts: self.buttons[START].setVisible(not starts), self._error.tell
            )

    def _start(self) -> None:
        self._commands.machine.set_start_at_login(True, self._started, self._error.tell)

    def _started(self) -> None:
        self.buttons[START].hide()
        self.tell(f"{_SAID} {_STARTS}")

    def _explain(self) -> None:
        self.dialog = NoteDialog(HOW, _HOW_TO, self._window)
        self.dialog.open()
