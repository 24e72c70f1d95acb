"""A meter that is kept running as long as this process wants one, and its keeper with it.

The keeper starts the meter again when it dies. Here is what remains: a keeper that was killed. The meter goes on
without it; when that one has died too, both are started again on the same ports. (On Windows there is no keeper, and
this is all that starts a meter again.)
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from app.core.errors import MeterError
from app.services import crashes, keeper
from app.services.crashes import Crashes
from app.services.meter import STOP_LIMIT_S, start_meter
from app.services.settings import Settings

_LOOK_S = 0.2
_LOG = logging.getLogger(__name__)


class KeptMeter:
    """A meter and the thread that watches it.

    `gateway_url` and `forward_url` stay the same through restarts. A meter that ends with status 0 was asked to, and
    is not started again.
    """

    def __init__(self, settings: Settings, ledger_path: Path, keys: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it is ready. Raises MeterError."""
        self._meter = start_meter(settings, ledger_path, keys=keys)
        self._settings = replace(
            settings,
            gateway_port=urlsplit(self._meter.gateway_url).port or 0,
            forward_port=urlsplit(self._meter.forward_url).port or 0,
        )
        self._ledger_path = ledger_path
        self._keys = keys
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._failure: MeterError | None = None
        self._watcher = threading.Thread(target=self._watch, name="meter-watch", daemon=True)
        self._watcher.start()

    @property
    def gateway_url(self) -> str:
        """Where agents reach it by base URL."""
        return self._meter.gateway_url

    @property
    def forward_url(self) -> str:
        """Where agents reach it as HTTPS proxy."""
        return self._meter.forward_url

    @property
    def trouble(self) -> str:
        """Why the keeper has given it up, and what to do; empty while it has not."""
        port = self._settings.gateway_port
        kept = keeper.keeper_at(self._ledger_path, port)
        return kept.trouble if kept is not None else ""

    def wait(self, timeout_s: float) -> bool:
        """Wait until it has ended for good; False when it still runs. Raises MeterError when it kept dying."""
        ended = self._ended.wait(timeout_s)
        if self._failure is not None:
            raise self._failure
        return ended

    def stop(self) -> None:
        """Let it finish what runs and end it. Safe to call twice."""
        self._stopping.set()
        orphan = keeper.orphan_of(self._ledger_path, self._meter.process.pid)
        self._meter.stop()
        _wait_for_end(orphan, STOP_LIMIT_S)
        self._watcher.join()

    def _watch(self) -> None:
        seen = Crashes()
        while self._meter.wait() != 0 and not self._stopping.is_set():
            self._let_orphan_serve()
            if self._stopping.is_set():
                break
            self._meter.stop()  # it is dead; this closes its pipes
            pause_s = seen.note()
            if pause_s is None:
                self._failure = MeterError(
                    "The meter keeps stopping", f"It ended {crashes.LIMIT} times within a minute. Its log tells more."
                )
                break
            _LOG.warning("the meter ended by itself and is started again")
            if self._stopping.wait(pause_s) or not self._start_again():
                break
        self._ended.set()

    def _let_orphan_serve(self) -> None:
        """Wait for the end of a meter whose keeper was killed. Our end of its standard input stays open meanwhile."""
        orphan = keeper.orphan_of(self._ledger_path, self._meter.process.pid)
        if orphan:
            _LOG.warning("the meter's keeper was killed; the meter goes on")
        while orphan and keeper.is_running(orphan) and not self._stopping.wait(_LOOK_S):
            pass

    def _start_again(self) -> bool:
        try:
            meter = start_meter(self._settings, self._ledger_path, keys=self._keys)
        except MeterError as error:
            self._failure = error
            return False
        self._meter = meter
        if self._stopping.is_set():
            meter.stop()
        return True


def _wait_for_end(pid: int, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while pid and keeper.is_running(pid) and time.monotonic() < deadline:
        time.sleep(_LOOK_S / 4)
