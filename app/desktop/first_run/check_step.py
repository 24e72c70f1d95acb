"""The last step: a call is seen to arrive."""

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt, QTimer, Signal

from app.core.call import Call
from app.core.errors import AppError
from app.core.tags import Tags
from app.desktop.commands import Commands
from app.desktop.first_run.step import Step
from app.desktop.fonts import MEDIUM, Size
from app.desktop.models.setup_steps import (
    PickedAgent,
    first_call,
    first_call_words,
    own_login_line,
    start_line,
    went_well,
)
from app.desktop.models.snapshot import Snapshot
from app.desktop.widgets.buttons import button
from app.desktop.widgets.command_line import CommandLine
from app.desktop.widgets.text import Text
from app.ledger.key_store import VirtualKey

NOTHING_AFTER_MS = 60_000
_MEANING = "Ask the agent anything. Its first call shows here within a second of its end."
_WAITING = "Waiting for the first call…"
_DOWN = "The meter is not running yet. Calls fail until it is."
_LEFT = Qt.AlignmentFlag.AlignLeft
_ANY = PickedAgent("Claude Code", "claude")


class CheckStep(Step):
    """`seen` tells that a call arrived, `helped` that a person wants to know what to check. Calls count from
    `since`, when the setup was opened: an impatient person may have started an agent already."""

    seen = Signal()
    helped = Signal()

    def __init__(self, commands: Commands, bursar: str, since: datetime) -> None:
        super().__init__("Live check", "See a call arrive", _MEANING)
        self._commands = commands
        self._bursar = bursar
        self._since = since
        self._snapshot: Snapshot | None = None
        self._token = ""
        self.call: Call | None = None
        self._ask = Text("Run this in a terminal:")
        self.command = CommandLine("", name="Command that starts the agent through Bursar")
        self._others = Text("", ink="text_2", size=Size.CAPTION, wraps=True)
        self.status = Text(_WAITING, weight=MEDIUM, wraps=True)
        self.help_button = button("What to check", self.helped.emit)
        self.help_button.hide()
        self._patience = QTimer(self, singleShot=True, interval=NOTHING_AFTER_MS)
        self._patience.timeout.connect(self._lose_patience)
        self._lay_out()

    def begin(self, agents: list[PickedAgent], *, keeps_login: bool) -> None:
        """Say how to start the first of these agents, and the others."""
        able = [agent for agent in agents if agent.keeps_login] if keeps_login else []
        if able:
            self._issue_key(able[0])
            others: list[PickedAgent] = [agent for agent in agents if not agent.keeps_login]
        else:
            first, *others = agents or [_ANY]
            self.command.show_command(start_line(first, self._bursar))
        lines = [start_line(agent, self._bursar) for agent in others]
        self._others.setText(f"Or: {', '.join(lines)}" if lines else "")
        self._others.setVisible(bool(lines))

    def enter(self) -> None:
        """Wait from now on."""
        if self.call is None:
            self._patience.start()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Look for the first call."""
        self._snapshot = snapshot
        if self.call is not None and went_well(self.call):
            return
        call = first_call(snapshot, self._since if self.call is None else self.call.started_at)
        later = [one for one in snapshot.calls if one.started_at >= self._since and went_well(one)]
        self.call = later[-1] if later else call
        if self.call is not None:
            self._show_call(self.call)
        elif not self.help_button.isVisible():
            self.status.setText(_WAITING if snapshot.meter is not None else _DOWN)

    def leave(self, go_on: Callable[[], None]) -> None:
        """Nothing is left to do."""
        self._patience.stop()
        go_on()

    def _show_call(self, call: Call) -> None:
        self._patience.stop()
        self.status.setText(first_call_words(call))
        self.status.set_ink("text" if went_well(call) else "near_text")
        self.help_button.setVisible(not went_well(call))
        self.seen.emit()

    def _lose_patience(self) -> None:
        if self.call is None:
            self.status.setText("Nothing came yet.")
            self.help_button.show()

    def _issue_key(self, agent: PickedAgent) -> None:
        """One virtual key for the agent that keeps its login, made once."""
        if self._token:
            self._show_login_line(agent)
            return
        name = agent.recipe.name if agent.recipe else agent.program

        def issued(_key: VirtualKey, token: str) -> None:
            self._token = token
            self._show_login_line(agent)

        self._commands.issue_key(f"{name}, own login", Tags(agent=name), issued, self._tell)

    def _show_login_line(self, agent: PickedAgent) -> None:
        meter = self._snapshot.meter if self._snapshot else None
        url = meter.gateway_url if meter else "http://127.0.0.1:8787"
        self.command.show_command(own_login_line(agent, url, self._token))

    def _tell(self, error: AppError) -> None:
        self.error.tell(error)

    def _lay_out(self) -> None:
        self.content.addWidget(self._ask)
        self.content.addSpacing(6)
        self.content.addWidget(self.command)
        self.content.addSpacing(6)
        self.content.addWidget(self._others)
        self.content.addSpacing(24)
        self.content.addWidget(self.status)
        self.content.addSpacing(8)
        self.content.addWidget(self.help_button)
        self.content.setAlignment(self.help_button, _LEFT)
        self.content.addStretch(1)
