"""Is this machine's clock right? A clock that jumps into another month would start every cap of the month anew.

What the clock should show is reckoned from the time since the machine was started, which no one sets and which counts
while it sleeps; from the newest call in the ledger, where the clock stands before that; and from the date that a
provider tells over TLS. Off by more than five minutes it is in doubt, and a person is asked whether it is right.
"""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from app.core.clock import Doubt

TOLERANCE = timedelta(minutes=5)
_BELIEVABLE = range(2020, 2200)
"""Years that a provider may tell."""
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def boot_seconds() -> float:
    """Seconds since some moment in the past, those in which the machine slept among them; never set by anybody.

    Linux has a clock of its own for it; macOS' CLOCK_MONOTONIC and Windows' counter go on while it sleeps as well.
    """
    if _SINCE_BOOT is None or sys.platform == "win32":
        return time.monotonic()
    return time.clock_gettime(_SINCE_BOOT)


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """The wall clock of one meter (`now`), whether it is to be believed, and the `seconds` that deadlines are told by.
    `newest` is the ledger's newest call."""

    def __init__(
        self,
        newest: datetime | None = None,
        *,
        wall: Callable[[], datetime] = _now,
        boot: Callable[[], float] = boot_seconds,
    ) -> None:
        self.now = wall
        self.seconds = boot
        self._booted_at = self._started_at(wall() if newest is None else max(newest, wall()))
        self._mark = ""
        self._is_vouched_for = False

    def doubt(self) -> Doubt | None:
        """What is wrong with the clock now, or None."""
        now = self.now()
        ahead = now - (self._booted_at + timedelta(seconds=self.seconds()))
        if abs(ahead) <= TOLERANCE:
            self._mark = ""
            return None
        self._mark = self._mark or f"{now:%Y%m%dT%H%M%S}"
        self._is_vouched_for = False
        return Doubt(self._mark, ahead)

    def hear(self, told: str) -> None:
        """A provider's `Date`, from an answer that nobody on the way could change. Once a person has vouched for the
        clock it counts no more, until the clock is set again."""
        if self._is_vouched_for and self.doubt() is None:
            return
        try:
            date = parsedate_to_datetime(told)
        except ValueError:
            return
        if date.tzinfo is not None and date.year in _BELIEVABLE:
            self._booted_at = self._started_at(date)

    def vouch(self) -> None:
        """A person says that the clock is right as it is."""
        self._booted_at, self._is_vouched_for = self._started_at(self.now()), True

    def _started_at(self, now: datetime) -> datetime:
        return now - timedelta(seconds=self.seconds())
