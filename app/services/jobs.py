"""Jobs that are due at their time, whoever looks: window roll-over, the recovery of dead meters' reservations, backups.

They run in APScheduler's own threads. After a laptop has slept, a job that was missed runs once, at once. No job adds
or removes a job: the scheduler holds its lock while it waits for the running ones to end.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from app.core.errors import AppError
from app.ledger.backups import KEPT, back_up_if_due
from app.ledger.budget_request import close_unattended
from app.ledger.cap_store import cap_statuses, roll_windows
from app.ledger.engine import Ledger
from app.ledger.recovery import recover_dead_instances

PERIOD = timedelta(minutes=1)
"""How often dead meters are looked for, and how soon a new cap's first window end is known."""
FIRST_BACKUP_AFTER = timedelta(minutes=2)
"""The meter is there first, as a rule; then there is nothing left to do."""
BACKUP_LOOK_EVERY = timedelta(minutes=15)

_LOG = logging.getLogger(__name__)


class WindowEnds(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Fires when the next window of a cap ends, and at least once a period."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first instant after `now` that a window ends at, at most one period away."""
        latest = now + PERIOD
        try:
            end = next_window_end(self._ledger, now.astimezone(UTC))
        except AppError:
            return latest
        return latest if end is None else min(end, latest)


class Jobs:
    """The running jobs of one ledger."""

    def __init__(self, ledger: Ledger, backups_kept: int = KEPT) -> None:
        """Start: recover at once, then every minute; roll windows over at each one's end; back up once a day."""
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1}
        )
        recover = _guarded(lambda: recover_dead_instances(ledger, datetime.now(UTC)))
        close = _guarded(lambda: close_unattended(ledger, datetime.now(UTC)))
        roll_over = _guarded(lambda: roll_windows(ledger, datetime.now(UTC)))
        self._scheduler.add_job(
            recover, "interval", seconds=PERIOD.total_seconds(), next_run_time=datetime.now(UTC), name="recover"
        )
        self._scheduler.add_job(close, "interval", seconds=PERIOD.total_seconds(), name="close unattended")
        self._scheduler.add_job(roll_over, WindowEnds(ledger), name="roll over")
        back_up = _guarded(lambda: back_up_if_due(ledger.path, datetime.now(UTC), kept=backups_kept))
        first = datetime.now(UTC) + FIRST_BACKUP_AFTER
        self._scheduler.add_job(
            back_up, "interval", seconds=BACKUP_LOOK_EVERY.total_seconds(), next_run_time=first, name="back up"
        )
        self._scheduler.start()

    def stop(self) -> None:
        """End all jobs and wait for the one that runs. Safe to call twice."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)


def start_jobs(ledger: Ledger, backups_kept: int = KEPT) -> Jobs:
    """Start the jobs of this ledger."""
    return Jobs(ledger, backups_kept)


def next_window_end(ledger: Ledger, now: datetime) -> datetime | None:
    """The first instant after `now` at which a cap's running window ends; None when none does. Raises LedgerError."""
    ends = (status.ends_at for status in cap_statuses(ledger, now))
    return min((end for end in ends if end is not None and end > now), default=None)


def _guarded(work: Callable[[], object]) -> Callable[[], None]:
    """The work with its foreseen errors logged: the next round tries again."""

    def run() -> None:
        try:
            work()
        except AppError as error:
            _LOG.warning("%s: %s", error.title, error.message)

    return run
