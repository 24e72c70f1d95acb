"""A cap that was not there, held against what happened: which calls it would have stopped, and what that had saved.

A call is stopped when what its window has spent and the call's own true cost come to more than the limit; what is
stopped costs nothing, and smaller calls that still fit go on. In force a cap holds the most a call can cost rather than
what it will have cost, so it stops a little earlier; and an agent that is stopped would not have made the calls after.
So what is saved is a floor. Calls without a price pass, and are counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.core.caps import Cap
from app.core.history import CostedCall


@dataclass(frozen=True, slots=True)
class StoppedWindow:
    """A window whose limit would have been reached: what had been spent, when the first call was stopped, and all
    that was."""

    key: str
    spent_nano_usd: int
    first_stop_at: datetime
    calls_stopped: int
    saved_nano_usd: int


@dataclass(frozen=True, slots=True)
class BackTest:
    """The calls a cap applied to, what they cost, and the windows it would have stopped, oldest stop first."""

    calls: int
    cost_nano_usd: int
    unpriced_calls: int
    windows: int
    stopped: tuple[StoppedWindow, ...]

    @property
    def calls_stopped(self) -> int:
        """In all windows."""
        return sum(window.calls_stopped for window in self.stopped)

    @property
    def saved_nano_usd(self) -> int:
        """In all windows."""
        return sum(window.saved_nano_usd for window in self.stopped)


@dataclass(slots=True)
class _Window:
    spent: int = 0
    first_stop_at: datetime | None = None
    calls_stopped: int = 0
    saved: int = 0


def back_test(cap: Cap, calls: Iterable[CostedCall]) -> BackTest:
    """What this cap would have done to these calls, which come in the order of time."""
    windows: dict[str, _Window] = {}
    seen = cost = unpriced = 0
    for call in calls:
        if not cap.applies_to(call.payer):
            continue
        seen += 1
        if call.cost_nano_usd is None:
            unpriced += 1
            continue
        cost += call.cost_nano_usd
        window = windows.setdefault(cap.span(call.at, call.payer).key, _Window())
        if window.spent + call.cost_nano_usd <= cap.limit_nano_usd:
            window.spent += call.cost_nano_usd
        else:
            window.first_stop_at = window.first_stop_at or call.at
            window.calls_stopped += 1
            window.saved += call.cost_nano_usd
    return BackTest(seen, cost, unpriced, len(windows), _stopped(windows))


def _stopped(windows: dict[str, _Window]) -> tuple[StoppedWindow, ...]:
    found = [
        StoppedWindow(key, window.spent, window.first_stop_at, window.calls_stopped, window.saved)
        for key, window in windows.items()
        if window.first_stop_at is not None
    ]
    return tuple(sorted(found, key=lambda window: window.first_stop_at))
