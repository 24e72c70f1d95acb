"""How often a meter may die before nobody starts it again, and how long to wait in between."""

import collections
import time
from collections.abc import Callable

LIMIT = 5
WINDOW_S = 60.0
FIRST_PAUSE_S = 0.2
LAST_PAUSE_S = 2.0


class Crashes:
    """The latest crashes of one meter."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: collections.deque[float] = collections.deque(maxlen=LIMIT)

    def note(self) -> float | None:
        """It crashed again. Seconds to wait before the next start, or None: five times within a minute is too often."""
        now = self._clock()
        self._times.append(now)
        if len(self._times) == LIMIT and now - self._times[0] < WINDOW_S:
            return None
        return min(FIRST_PAUSE_S * 2.0 ** (len(self._times) - 1), LAST_PAUSE_S)
