"""A clock that a test sets, and a gate that goes by it, on a real ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from app.ledger.engine import Ledger
from proxy_addon.clock import Clock
from proxy_addon.gate import Gate
from tests.threaded_recorder import ThreadedRecorder

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Played:
    """The machine's two clocks: the one on the wall, which anybody may set, and the seconds since it was started."""

    def __init__(self, wall: datetime = NOON) -> None:
        self.wall = wall
        self.boot = 1_000.0

    def set(self, by: timedelta) -> None:
        """Somebody sets the clock on the wall."""
        self.wall += by

    def pass_time(self, span: timedelta) -> None:
        """Time goes by, awake or asleep."""
        self.wall += span
        self.boot += span.total_seconds()

    def clock(self, newest: datetime | None = None) -> Clock:
        """A meter's clock, begun now."""
        return Clock(newest, wall=lambda: self.wall, boot=lambda: self.boot)


@contextmanager
def gate_by(clock: Clock, ledger: Ledger) -> Iterator[Gate]:
    """A gate whose writer looks at the ledger after each of its changes."""
    yield Gate(ThreadedRecorder(ledger), "instance", clock)
