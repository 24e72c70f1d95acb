"""Running a function off the UI thread and bringing its result, or the error a person may read, back onto it."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PySide6.QtCore import QObject, Signal, Slot

from app.core.errors import AppError

_LOG = logging.getLogger(__name__)
THREADS = 2


class Unforeseen(AppError):
    """A fault of ours: logged with its trace, told without it."""


class Tasks(QObject):
    """Runs work in two threads of its own. Results come back in the thread this object lives in."""

    _ended = Signal(object)

    def __init__(self, parent: QObject | None = None, *, threads: int = THREADS) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="desktop-task")
        self._lanes: list[Tasks] = []
        self._is_stopped = False
        self._ended.connect(self._deliver)

    def lane(self) -> "Tasks":
        """One more thread, for work that a person may keep waiting: the rest goes on meanwhile. It stops with this."""
        made = Tasks(self, threads=1)
        self._lanes.append(made)
        return made

    def run[T](
        self, work: Callable[[], T], done: Callable[[T], None], failed: Callable[[AppError], None] | None = None
    ) -> None:
        """Do `work` elsewhere, then `done(result)` or `failed(error)` here."""

        def carry() -> None:
            try:
                result = work()
            except AppError as error:
                self._tell(failed, error)
            except Exception as error:  # noqa: BLE001 - it is logged, and told as a fault of ours
                _LOG.exception("a task of the window failed")
                told = Unforeseen("This did not work", f"{type(error).__name__}. The log tells more.")
                self._tell(failed, told)
            else:
                self._ended.emit(lambda: done(result))

        if not self._is_stopped:
            self._pool.submit(carry)

    def stop(self) -> None:
        """Wait for what runs; what has not begun, or is asked for later, is dropped. So are results: what would show
        them may be destroyed by then. Safe to call twice."""
        self._is_stopped = True
        for lane in self._lanes:
            lane.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _tell(self, failed: Callable[[AppError], None] | None, error: AppError) -> None:
        if failed is None:
            _LOG.warning("%s: %s", error.title, error.message)
        else:
            self._ended.emit(lambda: failed(error))

    @Slot(object)
    def _deliver(self, deliver: Callable[[], None]) -> None:
        if not self._is_stopped:
            deliver()
