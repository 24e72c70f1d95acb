"""The first step: which agents are to be metered."""

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.desktop.commands import Commands
from app.desktop.first_run.agent_row import AgentRow
from app.desktop.first_run.step import Step
from app.desktop.fonts import monospace
from app.desktop.models.setup_steps import PickedAgent, picked
from app.desktop.pages.connect_dialog import ConnectDialog
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import clear, scrolling, widgets_in
from app.desktop.widgets.text import Text
from app.services.doctor.agents import InstalledAgent

_MEANING = (
    "These were found on this machine. No file of theirs is changed now; you start them through Bursar, or connect "
    "them for good."
)
_LOOKING = "Looking for agents…"
_NONE = "No agent was found on this machine. Any program on a provider’s SDK can be metered: add its command."


class AgentsStep(Step):
    """`bursar` is how Bursar is started in a terminal."""

    def __init__(self, commands: Commands, bursar: str) -> None:
        super().__init__("Pick your agents", "Which agents should Bursar meter?", _MEANING)
        self._commands = commands
        self._bursar = bursar
        self._found: list[InstalledAgent] = []
        self._connected: set[str] = set()
        self._typed: list[PickedAgent] = []
        self._dropped: set[str] = set()
        self.dialog: ConnectDialog | None = None
        self._note = Text(_LOOKING, ink="text_2", wraps=True)
        self._rows = QVBoxLayout()
        self.command = QLineEdit()
        self.add_button = button("Add", self.add_command)
        self.add_link = button("Add a command…", self._ask_command, kind="link")
        self.again_link = button("Look again", self.look, kind="link")
        self._form = self._make_form()
        self._lay_out()

    def enter(self) -> None:
        """Look for agents where nobody has."""
        if not self._found:
            self.look()

    def look(self) -> None:
        """Look what is installed; what was unticked stays so."""
        self._note.setText(_LOOKING)
        self._commands.machine.find_agents(self._show_found, self.error.tell)

    def rows(self) -> list[AgentRow]:
        """The agents as they stand."""
        return [widget for widget in widgets_in(self._rows) if isinstance(widget, AgentRow)]

    def picked(self) -> list[PickedAgent]:
        """Those that are to be metered."""
        return [row.agent for row in self.rows() if row.is_picked]

    def add_command(self) -> None:
        """Take a command that was typed as one more agent."""
        command = self.command.text().strip()
        if command and command not in {agent.program for agent in self._typed}:
            self._typed.append(PickedAgent(command.split()[0], command))
        self.command.clear()
        self._form.hide()
        self._show_rows()

    def _show_found(self, found: list[InstalledAgent], connected: frozenset[str]) -> None:
        self._found = found
        self._connected = set(connected)
        self._show_rows()

    def _show_rows(self) -> None:
        self._dropped = {row.agent.program for row in self.rows() if not row.is_picked}
        clear(self._rows)
        for agent in self._found:
            self._add_row(agent)
        for typed in self._typed:
            self._rows.addWidget(AgentRow(typed, "", self._bursar))
        for row in self.rows():
            row.tick.setChecked(row.is_picked and row.agent.program not in self._dropped)
        self._note.setText(_NONE)
        self._note.setVisible(not self.rows())

    def _add_row(self, agent: InstalledAgent) -> None:
        name = agent.recipe.name
        row = AgentRow(
            replace(picked(agent), is_connected=name in self._connected), agent.version, self._bursar,
            connect=lambda: self._connect(agent), undo=lambda: self._disconnect(agent),
            can_connect=agent.can_be_connected,
        )  # fmt: skip
        self._rows.addWidget(row)

    def _connect(self, agent: InstalledAgent) -> None:
        self.error.clear()
        self.dialog = ConnectDialog(self._commands, agent.recipe.name, agent.recipe.title, self)
        self.dialog.connected.connect(lambda _file: self._note_connected(agent, True))
        self.dialog.failed.connect(self.error.tell)
        self.dialog.show_plan()

    def _disconnect(self, agent: InstalledAgent) -> None:
        self.error.clear()

        def done(_file: Path) -> None:
            self._note_connected(agent, False)

        self._commands.machine.disconnect(agent.recipe.name, done, self.error.tell)

    def _note_connected(self, agent: InstalledAgent, is_connected: bool) -> None:
        (self._connected.add if is_connected else self._connected.discard)(agent.recipe.name)
        self._show_rows()

    def _ask_command(self) -> None:
        self._form.show()
        self.command.setFocus()

    def _make_form(self) -> QWidget:
        form = QWidget()
        row = QHBoxLayout(form)
        row.setContentsMargins(0, 8, 0, 0)
        row.setSpacing(8)
        self.command.setFont(monospace())
        self.command.setPlaceholderText("python my_agent.py")
        self.command.setAccessibleName("Command that starts a program of your own")
        self.command.returnPressed.connect(self.add_command)
        row.addWidget(self.command, 1)
        row.addWidget(self.add_button)
        form.hide()
        return form

    def _lay_out(self) -> None:
        inner = QWidget()
        self._rows.setSpacing(0)
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(0)
        column.addWidget(self._note)
        column.addLayout(self._rows)
        column.addWidget(self._form)
        links = QHBoxLayout()
        links.setContentsMargins(0, 8, 0, 0)
        links.setSpacing(24)
        links.addWidget(self.add_link)
        links.addWidget(self.again_link)
        links.addStretch(1)
        column.addLayout(links)
        column.addStretch(1)
        area = scrolling(inner)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.content.addWidget(area, 1)
