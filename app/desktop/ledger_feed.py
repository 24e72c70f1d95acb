"""The thread that watches the ledger and tells the windows what it reads.

It looks ten times a second whether anybody wrote (a look costs microseconds) and reads only then, and once a minute
for times that are told relative to now.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from PySide6.QtCore import QObject, Signal

from app.core.errors import AppError, LedgerError
from app.desktop.reading import read_snapshot
from app.ledger import alert_store, meter_state
from app.ledger.engine import Ledger
from app.ledger.feed import ChangeWatch
from app.ledger.running_sums import RunningSums
from app.services.keeper import keepers_of

LOOK_EVERY_S = 0.1
METER_LOOK_EVERY_S = 0.5
READ_AT_LEAST_EVERY_S = 60.0
REST_PER_READING, REST_AT_MOST_S = 4.0, 0.7
"""While agents write all the time, reading takes a fifth of one core; a call still shows within a second."""

_LOG = logging.getLogger(__name__)


class LedgerFeed(QObject):
    """Signals, all delivered in the receiver's thread: `read` with a Snapshot, `alerted` with a list of Alert,
    `meter_seen` twice a second with a Meter or None, and where there is none, with its Keeper or None; `failed`
    with a LedgerError (the last snapshot stays true). Alerts after `told_until` are told; None begins with those
    that come."""

    read = Signal(object)
    alerted = Signal(object)
    meter_seen = Signal(object, object)
    failed = Signal(object)

    def __init__(
        self, ledger: Ledger, zone: ZoneInfo, *, now: Callable[[], datetime] = lambda: datetime.now(UTC),
        told_until: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._ledger = ledger
        self._zone = zone
        self._now = now
        self._told_until = told_until
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ledger-feed", daemon=True)

    def start(self) -> None:
        """Begin; the first reading comes at once."""
        self._wanted.set()
        self._thread.start()

    def stop(self) -> None:
        """End the thread. What it signalled before may still be delivered."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Read again soon, whether or not anything changed."""
        self._wanted.set()

    def _watch(self) -> None:
        watch: ChangeWatch | None = None
        sums = RunningSums()
        last_alert = self._told_until
        read_at = looked_at = -READ_AT_LEAST_EVERY_S
        rests_until = 0.0
        while not self._stopping.wait(LOOK_EVERY_S):
            clock = time.monotonic()
            try:
                watch = watch or ChangeWatch(self._ledger)
                if last_alert is None:
                    last_alert = alert_store.last_alert_id(self._ledger)
                if clock - looked_at >= METER_LOOK_EVERY_S:
                    looked_at = clock
                    self._look_at_meter()
                if (clock >= rests_until or self._wanted.is_set()) and self._is_due(watch, clock - read_at):
                    read_at = clock
                    self.read.emit(read_snapshot(self._ledger, self._now(), self._zone, sums))
                    last_alert = self._tell_alerts(last_alert)
                    ended = time.monotonic()
                    rests_until = ended + min((ended - clock) * REST_PER_READING, REST_AT_MOST_S)
            except AppError as error:
                self.failed.emit(error)
            except Exception as error:  # noqa: BLE001 - it is logged; the thread must live on
                _LOG.exception("the ledger could not be read")
                self.failed.emit(LedgerError("The ledger could not be read", f"{type(error).__name__}. See the log."))
        if watch is not None:
            watch.close()

    def _look_at_meter(self) -> None:
        meter = meter_state.running_meter(self._ledger)
        kept = [] if meter is not None else keepers_of(self._ledger.path)
        self.meter_seen.emit(meter, kept[0] if kept else None)

    def _is_due(self, watch: ChangeWatch, since_read_s: float) -> bool:
        wanted = self._wanted.is_set()
        self._wanted.clear()
        return watch.changed() or wanted or since_read_s >= READ_AT_LEAST_EVERY_S

    def _tell_alerts(self, after: int) -> int:
        alerts = alert_store.alerts_after(self._ledger, after)
        if alerts:
            self.alerted.emit(alerts)
        return alerts[-1].alert_id if alerts else after
