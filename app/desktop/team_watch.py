"""The thread that watches the team's ledger and tells what the windows show of it: its caps, and the calls that wait.

It looks at once when the server says that caps or questions changed, and every so often besides, for what was spent.
"""

import contextlib
import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.core.errors import AppError
from app.core.team import Role
from app.desktop.models.team_reading import NO_TEAM, TeamAlerts, TeamReading
from app.keys.vault import Vault
from app.services.cap_books import TeamCaps
from app.services.settings import load_settings
from app.services.team import opened_team
from app.services.told import Told

if TYPE_CHECKING:
    from app.ledger.team.ledger import TeamLedger

LOOK_EVERY_S = 1.0
LEADS_READ_EVERY_S, READ_EVERY_S = 10.0, 30.0
"""There are few leads and many members, and all of them ask one server."""
TRY_AGAIN_AFTER_S = 15.0
_NEWS = frozenset({"caps", "question", "alert"})
_LEADS_NEWS = _NEWS | {"room"}

_LOG = logging.getLogger(__name__)


class TeamWatch(QObject):
    """Signals, delivered in the receiver's thread: `read` with a TeamReading whenever there is another one, `alerted`
    with TeamAlerts. Of the place in a team that was `told`, the alerts after those are told; of another one, those that
    come."""

    read = Signal(object)
    alerted = Signal(object)

    def __init__(self, settings_file: Path, vault: Vault, told: Told = Told()) -> None:  # noqa: B008 - it is frozen
        super().__init__()
        self._settings_file = settings_file
        self._vault = vault
        self._stopping = threading.Event()
        self._wanted = threading.Event()
        self._url, self._alert_id = told.team_url, told.team_alert_id
        self._seen = self._told = NO_TEAM
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
            self._tell(replace(self._seen, waiting=(), is_away=bool(self._seen.name)))
            self._wanted.wait(TRY_AGAIN_AFTER_S)

    def _follow(self) -> None:
        """Until another team is to be watched, or none. Raises AppError."""
        settings = load_settings(self._settings_file)
        if settings.team_url != self._url:
            self._url, self._alert_id = settings.team_url, None
            self._seen = NO_TEAM
        if not self._url:
            return
        if not self._seen.name:
            self._seen = TeamReading(settings.team_name)
        with opened_team(settings, self._vault, listens=True) as team:
            every_s = LEADS_READ_EVERY_S if team.role is Role.LEAD else READ_EVERY_S
            news = _LEADS_NEWS if team.role is Role.LEAD else _NEWS
            since_read_s = every_s
            while not self._stopping.is_set() and load_settings(self._settings_file).team_url == self._url:
                heard = team.listen()
                if heard & news or self._wanted.is_set() or since_read_s >= every_s:
                    self._wanted.clear()
                    self._read(team)
                    since_read_s = 0.0
                self._wanted.wait(LOOK_EVERY_S)
                since_read_s += LOOK_EVERY_S
        if not self._stopping.is_set():
            self._seen = NO_TEAM  # it was left

    def _read(self, team: "TeamLedger") -> None:
        waiting = () if team.role is Role.VIEWER else tuple(team.waiting())
        caps = tuple(TeamCaps(team).statuses())
        self._seen = TeamReading(team.team, team.role, caps, waiting, read_at=datetime.now(UTC))
        self._tell(self._seen)
        self._read_alerts(team)

    def _read_alerts(self, team: "TeamLedger") -> None:
        """Those before this laptop came are not told; only how far they go."""
        alerts = team.alerts_after(self._alert_id or 0)
        if alerts or self._alert_id is None:
            is_first, self._alert_id = self._alert_id is None, alerts[-1].alert_id if alerts else 0
            found = TeamAlerts(team.team, self._url, self._alert_id, () if is_first else tuple(alerts))
            with contextlib.suppress(RuntimeError):  # the windows are gone
                self.alerted.emit(found)

    def _tell(self, reading: TeamReading) -> None:
        if reading != self._told and not self._stopping.is_set():
            self._told = reading
            with contextlib.suppress(RuntimeError):  # the windows are gone
                self.read.emit(reading)
