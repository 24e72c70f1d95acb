"""The thread that watches the team's ledger for a lead, and tells which calls of the team wait for an answer.

Who is no lead answers nobody, so for members nothing is watched.
"""

import contextlib
import logging
import threading
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.core.errors import AppError
from app.core.team import Role
from app.keys.vault import Vault
from app.services.settings import load_settings
from app.services.team import opened_team

LOOK_EVERY_S = 1.0
READ_AT_LEAST_EVERY_S = 10.0
TRY_AGAIN_AFTER_S = 15.0

_LOG = logging.getLogger(__name__)


class TeamWatch(QObject):
    """`read` tells the team's waiting calls, as a tuple, whenever they change; delivered in the receiver's thread."""

    read = Signal(object)

    def __init__(self, settings_file: Path, vault: Vault) -> None:
        super().__init__()
        self._settings_file = settings_file
        self._vault = vault
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._told: tuple[object, ...] = ()
        self._thread = threading.Thread(target=self._work, name="team-watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look(self) -> None:
        """Look again soon: a team was joined or left, or a call answered."""
        self._wanted.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wanted.clear()
            try:
                self._follow()
            except AppError as error:
                _LOG.info("the team is not watched: %s", error)
            except Exception:  # noqa: BLE001 - it is logged; the thread must live on
                _LOG.exception("the team could not be watched")
            self._tell(())
            self._wanted.wait(TRY_AGAIN_AFTER_S)

    def _follow(self) -> None:
        """Until another team is to be watched, or none. Raises AppError."""
        settings = load_settings(self._settings_file)
        if not settings.team_url:
            return
        with opened_team(settings, self._vault, listens=True) as team:
            if team.role is not Role.LEAD:
                return
            since_read_s = READ_AT_LEAST_EVERY_S
            while not self._stopping.is_set() and load_settings(self._settings_file).team_url == settings.team_url:
                heard = team.listen()
                if heard or self._wanted.is_set() or since_read_s >= READ_AT_LEAST_EVERY_S:
                    self._wanted.clear()
                    self._tell(tuple(team.waiting()))
                    since_read_s = 0.0
                self._wanted.wait(LOOK_EVERY_S)
                since_read_s += LOOK_EVERY_S

    def _tell(self, waiting: tuple[object, ...]) -> None:
        if waiting != self._told and not self._stopping.is_set():
            self._told = waiting
            with contextlib.suppress(RuntimeError):  # the windows are gone
                self.read.emit(waiting)
