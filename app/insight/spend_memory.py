"""How fast each session spends and how many calls each task makes in a day, kept as calls come in. No I/O."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.core.loops import Finding
from app.insight.loops import PACE_WINDOW, far_faster, far_more_calls

KEPT = 4_000
"""Sessions and tasks that are remembered, those with the newest calls."""


@dataclass(frozen=True, slots=True)
class Usual:
    """What is usual for an agent: half of its quarters of an hour cost no more, half of its tasks make no more calls a
    day. None where too little is known."""

    pace_nano_usd: int | None
    calls: int | None


@dataclass(slots=True)
class _Spending:
    calls: deque[tuple[datetime, int]]
    nano_usd: int = 0


class SpendMemory:
    """To be used by one thread."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str, str], _Spending] = OrderedDict()
        self._tasks: OrderedDict[tuple[str, ...], int] = OrderedDict()

    def knows_session(self, session: tuple[str, str]) -> bool:
        """Whether this session's spending is remembered."""
        return session in self._sessions

    def restore_session(self, session: tuple[str, str], calls: Iterable[tuple[datetime, int]]) -> None:
        """Take in what a session spent before: when, oldest first, and nano-dollars."""
        made = deque(calls)
        self._sessions[session] = _Spending(made, sum(cost for _, cost in made))
        _shorten(self._sessions)

    def spend(self, session: tuple[str, str], at: datetime, nano_usd: int, usual: int | None) -> Finding | None:
        """Take in what a session's call cost, and say whether it spends far faster than is usual."""
        spending = self._sessions[session]
        self._sessions.move_to_end(session)
        spending.calls.append((at, nano_usd))
        spending.nano_usd += nano_usd
        while spending.calls[0][0] <= at - PACE_WINDOW:
            spending.nano_usd -= spending.calls.popleft()[1]
        return far_faster(spending.nano_usd, usual)

    def knows_task(self, task: tuple[str, ...]) -> bool:
        """Whether this task's calls, on the day that is a part of it, are counted."""
        return task in self._tasks

    def restore_task(self, task: tuple[str, ...], calls: int) -> None:
        """Take in how many calls a task made before."""
        self._tasks[task] = calls
        _shorten(self._tasks)

    def count(self, task: tuple[str, ...], usual: int | None) -> Finding | None:
        """Take in a call of a task, and say whether it makes far more than is usual."""
        self._tasks[task] += 1
        self._tasks.move_to_end(task)
        return far_more_calls(self._tasks[task], usual, "|".join(task))


def _shorten[Key, Value](kept: OrderedDict[Key, Value]) -> None:
    while len(kept) > KEPT:
        kept.popitem(last=False)
