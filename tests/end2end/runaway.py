"""An agent that does not stop by itself."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

SPACED_S = 0.02


@dataclass
class Runaway:
    """An agent that calls and calls, until it is refused."""

    call: Callable[[], object]
    answered: int = 0
    refused_at: float | None = None
    error: BaseException | None = None
    thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            while True:
                self.call()
                self.answered += 1
                time.sleep(SPACED_S)
        except Exception as error:  # noqa: BLE001 - the test looks at it
            self.refused_at, self.error = time.monotonic(), error
