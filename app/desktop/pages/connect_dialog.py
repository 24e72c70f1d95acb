"""The exact change to an agent's own settings, made when a person says so."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.core.errors import AppError
from app.desktop.commands import Commands
from app.desktop.fonts import Size, monospace
from app.desktop.pages.key_dialogs import KeyDialog
from app.desktop.widgets.text import Text
from app.services.agents.connecting import Plan

WIDTH = 620
_DIFF_HEIGHT = 220


class ConnectDialog(KeyDialog):
    """Shows itself once the change is known. `connected` tells the file that was changed, `failed` why there is no
    change to show."""

    connected = Signal(object)
    failed = Signal(object)

    def __init__(self, commands: Commands, agent: str, title: str, parent: QWidget) -> None:
        super().__init__(f"Connect {title} for good", parent)
        self._commands = commands
        self._agent = agent
        self.setFixedWidth(WIDTH)
        self.diff = QPlainTextEdit()
        self.diff.setReadOnly(True)
        self.diff.setFont(monospace())
        self.diff.setFixedHeight(_DIFF_HEIGHT)
        self.diff.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.diff.setAccessibleName(f"The change to the settings of {title}")
        said = f"This is changed in {title}’s own settings, so that it is metered however it is started."
        after = "The meter has to run then. bursar disconnect gives the file back to the byte and revokes the key."
        self.column.addWidget(Text(said, ink="text_2", wraps=True))
        self.column.addWidget(self.diff)
        self.column.addWidget(Text(f"{after}", ink="text_3", size=Size.CAPTION, wraps=True))
        self.connect_button = self.add_buttons("Make this change", "primary")

    def show_plan(self) -> None:
        """Work the change out and show it."""
        self._commands.machine.preview(self._agent, self._show_plan, self._failed)

    def submit(self) -> None:
        """Make the change; the dialog closes when it is made."""
        self.error.clear()
        self.connect_button.setEnabled(False)
        self.connect_button.setToolTip("The change is being made")
        self._commands.machine.connect(self._agent, self._connected, self._not_connected)

    def _show_plan(self, plan: Plan) -> None:
        self.diff.setPlainText(plan.diff())
        self.open()

    def _connected(self, file: Path) -> None:
        self.accept()
        self.connected.emit(file)

    def _not_connected(self, error: AppError) -> None:
        self.connect_button.setEnabled(True)
        self.connect_button.setToolTip("")
        self.error.tell(error)

    def _failed(self, error: AppError) -> None:
        self.failed.emit(error)
