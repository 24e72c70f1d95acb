"""A machine's clock that is in doubt: how a question about it is told from one about a cap, and its words."""

from dataclasses import dataclass
from datetime import timedelta

from app.core.reservations import CapWindow, Obstacle, Refusal
from app.core.windows import Window
from app.core.wording import counted

CLOCK_CAP_ID = "clock"
"""Stands in the place of a cap's id in the question about the clock; the window's key is then the doubt's mark."""
CALENDAR = frozenset({Window.DAY, Window.WEEK, Window.MONTH})
"""The windows that a clock decides about."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """The clock is `ahead` of what it should show (less than nothing: behind). `mark` tells one doubt from the next."""

    mark: str
    ahead: timedelta

    @property
    def window(self) -> CapWindow:
        """What a call is excused from by whoever says that the clock is right."""
        return CLOCK_CAP_ID, self.mark

    @property
    def obstacle(self) -> Obstacle:
        """What it is in the way of a call that a cap by the calendar could stop."""
        way = "forward" if self.ahead > timedelta(0) else "back"
        name = f"The clock went {way} by {_span(abs(self.ahead))}"
        words = f"{name}, so Bursar cannot tell which day its caps are in."
        return Obstacle(
            refusal=Refusal.CLOCK,
            cap_id=CLOCK_CAP_ID,
            cap_name=name,
            window_key=self.mark,
            asks_person=True,
            spent_nano_usd=0,
            held_nano_usd=0,
            limit_nano_usd=0,
            resets_at=None,
            words=words,
        )


def _span(span: timedelta) -> str:
    """`40 days`, `3 hours`, `25 minutes`."""
    minutes = round(span / timedelta(minutes=1))
    if minutes >= 2 * 24 * 60:
        return counted(round(minutes / (24 * 60)), "day")
    return counted(round(minutes / 60), "hour") if minutes >= 90 else counted(minutes, "minute")
