"""What a person can order about this machine: look it over, connect agents for good and take that back.

Agents are asked for their versions and the keyring may keep its caller waiting, so this work has a thread of its own.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from app.core.errors import AppError, InvalidInput
from app.core.tags import Tags, clean_label
from app.desktop.tasks import Tasks
from app.keys.vault import Vault
from app.ledger.engine import Ledger
from app.paths import close_to_others
from app.services.agents.connecting import CONNECTIONS, Plan, is_connected
from app.services.agents.lasting import connect_agent, disconnect_agent, preview_connection
from app.services.autostart import autostart_file, start_at_login, starts_at_login, stop_at_login
from app.services.doctor.agents import InstalledAgent, installed_agents
from app.services.doctor.examination import examine
from app.services.doctor.finding import Finding
from app.services.own_command import lasting_command
from app.services.person import user_name
from app.services.releases import find_newer, words_of
from app.services.settings import load_settings

type Done = Callable[[], None]
type Failed = Callable[[AppError], None]


class MachineCommands:
    """Orders. `done` and `failed` are called back on the UI thread."""

    def __init__(self, ledger: Ledger, vault: Vault, lane: Tasks, settings_file: Path) -> None:
        self._ledger = ledger
        self._vault = vault
        self._lane = lane
        self._settings_file = settings_file
        self._connections = ledger.path.with_name(CONNECTIONS)

    def examine(self, done: Callable[[list[Finding]], None], failed: Failed) -> None:
        """Look everything over, as the doctor does. No repository is looked at: the tray is not started in one."""

        def work() -> list[Finding]:
            folder, now = self._ledger.path.parent, datetime.now(UTC)
            return examine(self._ledger, self._settings_file, self._vault, os.environ, folder, now)

        self._lane.run(work, done, failed)

    def close_file(self, file: Path, done: Done, failed: Failed) -> None:
        """Take a file of ours away from the machine's other users."""

        def work() -> None:
            try:
                close_to_others(file)
            except OSError as error:
                raise InvalidInput("It stays open", f"{file}: {error.strerror or type(error).__name__}.") from None

        self._lane.run(work, lambda _none: done(), failed)

    @property
    def can_start_at_login(self) -> bool:
        """Whether this system has a place for it that is known here."""
        return autostart_file(os.environ) is not None

    def look_at_login(self, done: Callable[[bool], None], failed: Failed) -> None:
        """Whether Bursar starts at login."""
        file = autostart_file(os.environ)
        self._lane.run(lambda: file is not None and starts_at_login(file), done, failed)

    def set_start_at_login(self, is_on: bool, done: Done, failed: Failed) -> None:
        """Start Bursar at login from now on, or not any more."""
        file = autostart_file(os.environ)

        def work() -> None:
            if file is not None and is_on:
                start_at_login(file, lasting_command())
            elif file is not None:
                stop_at_login(file)

        self._lane.run(work, lambda _none: done(), failed)

    def find_newer(self, done: Callable[[str], None], failed: Failed) -> None:
        """Ask the release feed; `done` gets what it says, in words."""
        self._lane.run(lambda: words_of(find_newer(load_settings(self._settings_file))), done, failed)

    def find_agents(self, done: Callable[[list[InstalledAgent], frozenset[str]], None], failed: Failed) -> None:
        """The agents that are installed, and the names of those that are connected for good."""

        def work() -> tuple[list[InstalledAgent], frozenset[str]]:
            found = installed_agents()
            names = (agent.recipe.name for agent in found)
            return found, frozenset(name for name in names if is_connected(self._connections, name))

        self._lane.run(work, lambda told: done(*told), failed)

    def preview(self, agent: str, done: Callable[[Plan], None], failed: Failed) -> None:
        """What connecting an agent for good would change."""
        self._lane.run(
            lambda: preview_connection(self._connections, agent, self._gateway_port(), os.environ), done, failed
        )  # fmt: skip

    def connect(self, agent: str, done: Callable[[Path], None], failed: Failed) -> None:
        """Connect an agent for good; `done` gets the file that was changed."""
        tags = Tags(agent=agent, user=clean_label(user_name()))

        def work() -> Path:
            return connect_agent(self._ledger, self._connections, agent, tags, self._gateway_port(), os.environ)

        self._lane.run(work, done, failed)

    def disconnect(self, agent: str, done: Callable[[Path], None], failed: Failed) -> None:
        """Take that back; `done` gets the file that is as it was."""
        self._lane.run(lambda: disconnect_agent(self._ledger, self._connections, agent), done, failed)

    def _gateway_port(self) -> int:
        return load_settings(self._settings_file).gateway_port
