"""Questions that a page asks of the ledger when it is looked at, answered off the UI thread.

The reading that all pages share comes by itself, from the feed; what one page alone shows, and only while it is open,
is asked for here.
"""

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

from app.core.errors import AppError
from app.desktop.tasks import Tasks
from app.ledger.engine import Ledger

_REST = 2
"""A question is not asked again before it has rested for so many times as long as its answer took, unless it says
otherwise: however large a ledger is, asking takes a third of one core at most."""

type GoOn = Callable[[], bool]


class Question(QObject):
    """One question that is asked again and again, of which only the newest wording matters: while one is being
    answered, the next waits, and replaces one that waits already. It rests for `rest` times as long as its answer took,
    and for no less than `least_rest_ms`; for no more after its first answer, which loads what later ones need."""

    def __init__(
        self, ledger: Ledger, tasks: Tasks, owner: QObject, *, rest: int = _REST, least_rest_ms: int = 0
    ) -> None:
        super().__init__(owner)
        self._rest, self._least_rest_ms = rest, least_rest_ms
        self._ledger = ledger
        self._tasks = tasks
        self._next: Callable[[], None] | None = None
        self._is_busy = False
        self._rest_timer = QTimer(self, singleShot=True)
        self._rest_timer.timeout.connect(self._ask_next)
        self._asked = 0
        self._has_answered = False

    def ask[T](
        self,
        prepare: Callable[[], Callable[[Ledger, GoOn], T]],
        done: Callable[[T], None],
        failed: Callable[[AppError], None],
        *,
        at_once: bool = False,
    ) -> None:
        """Ask, soon. `prepare` is called here when its turn has come, and what it returns is called elsewhere, with a
        function that says whether it is worth going on. `done` is told unless another wording was asked `at_once`
        meanwhile: that ends the one that runs, and does not let it rest."""
        if at_once:
            self._asked += 1
            self._rest_timer.stop()
        wording = self._asked
        self._next = lambda: self._carry(wording, prepare(), done, failed)
        if not self._is_busy and not self._rest_timer.isActive():
            self._ask_next()

    def _carry[T](
        self,
        wording: int,
        work: Callable[[Ledger, GoOn], T],
        done: Callable[[T], None],
        failed: Callable[[AppError], None],
    ) -> None:
        began = time.monotonic()
        self._is_busy = True

        def go_on() -> bool:
            return wording == self._asked

        def end(tell: Callable[[], None]) -> None:
            self._is_busy = False
            took_ms = (time.monotonic() - began) * 1_000 if self._has_answered else 0
            self._has_answered = True
            self._rest_timer.start(max(self._least_rest_ms, int(self._rest * took_ms)) if go_on() else 0)
            if go_on():
                tell()

        self._tasks.run(
            lambda: work(self._ledger, go_on),
            lambda answer: end(lambda: done(answer)),
            lambda error: end(lambda: failed(error)),
        )

    def _ask_next(self) -> None:
        if self._next is not None and not self._is_busy:
            ask, self._next = self._next, None
            ask()


class Questions:
    """Makes questions about one ledger, each with a thread of its own: a long answer keeps no other one waiting."""

    def __init__(self, ledger: Ledger, tasks: Tasks) -> None:
        self._ledger = ledger
        self._tasks = tasks

    def new(self, owner: QObject, *, rest: int = _REST, least_rest_ms: int = 0) -> Question:
        """A question with wordings of its own, that rests so long and goes with its owner: whatever has a timer must
        not be left to the garbage collector, which may run in any thread."""
        return Question(self._ledger, self._tasks.lane(), owner, rest=rest, least_rest_ms=least_rest_ms)
