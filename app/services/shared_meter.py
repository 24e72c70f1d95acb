"""The meter behind `bursar run`: found or started, started again when it dies, shared by all runs on this machine.

A meter that runs start ends by itself when the last of them does. Starting it again is its keeper's, or a tray's or a
`bursar proxy`'s, as long as they live; after that the runs that use it see to it.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from app.core.errors import AppError, MeterError
from app.ledger.attendance import any_run, at_the_door, attend_run, has_keeper
from app.ledger.engine import Ledger
from app.ledger.meter_state import Meter, is_alive, meter_at, running_meter
from app.services import crashes, keeper
from app.services.crashes import Crashes
from app.services.meter import START_LIMIT_S, STOP_LIMIT_S, start_meter
from app.services.settings import Settings

LOOK_S = 0.2
KEEPER_PATIENCE_S = 3.0
"""A tray has its meter up, or up again, in about two seconds."""
_DIED = "The meter stopped while this ran and was not back at the end. What was on its way is not in this bill."
_STOPPED = "The meter was told to stop while this ran. What came after it is not in this bill."
_LOG = logging.getLogger(__name__)


@contextmanager
def shared_meter(ledger: Ledger, settings: Settings) -> Iterator["SharedMeter"]:
    """The meter for the time of one run. Raises MeterError, LedgerError."""
    presence = attend_run(ledger)
    meter = None
    try:
        meter = SharedMeter(ledger, settings)
        yield meter
    finally:
        if meter is not None:
            meter.stop_watching()
        presence.release()
        if meter is not None and not any_run(ledger):
            meter.wait_for_end()


class SharedMeter:
    """A meter and the thread that watches it. `gateway_url` and `forward_url` stay the same through restarts."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._ledger = ledger
        self._settings = settings
        self._started: subprocess.Popen[bytes] | None = None
        self._meter = self._join()
        self.gateway_url, self.forward_url = self._meter.gateway_url, self._meter.forward_url
        self._port = urlsplit(self.gateway_url).port or 0
        self._crashes = Crashes()
        self._counted = ""
        self._next_start = 0.0
        self._trouble = ""
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="meter-watch", daemon=True)
        self._watcher.start()

    def trouble(self) -> str:
        """Why there is no meter now, as whole sentences; empty while there is one. Raises LedgerError."""
        newest = self._newest()
        if newest.is_alive:
            return ""
        if newest.is_asked_to_stop:
            return _STOPPED
        kept = keeper.keeper_at(self._ledger.path, self._port)
        given_up = kept.trouble if kept is not None else ""
        return f"{given_up} Try again with: {keeper.TRY_AGAIN}" if given_up else self._trouble or _DIED

    def stop_watching(self) -> None:
        """Let the meter be: the agent has ended."""
        self._ending.set()
        self._watcher.join()

    def wait_for_end(self) -> None:
        """Wait for a meter that this run started, when no run is left."""
        if self._started is not None:
            try:
                self._started.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                _LOG.warning("the meter (pid %d) goes on for longer than %.0f s", self._started.pid, STOP_LIMIT_S)

    def _join(self) -> Meter:
        """The running meter, or one on free ports. These leave the usual ones to the tray, which may be started
        meanwhile; so does keeping to loopback."""
        with at_the_door(self._ledger, patience_s=START_LIMIT_S):
            return self._found() or self._start(replace(self._settings, gateway_port=0, forward_port=0, listen=""))

    def _found(self) -> Meter | None:
        """A meter that runs and is to go on. Where a tray lives it may be about to start one."""
        began = time.monotonic()
        deadline = began + KEEPER_PATIENCE_S
        while True:
            meter = running_meter(self._ledger)
            if meter is not None and not meter.is_asked_to_stop:
                return meter
            if self._is_coming():
                deadline = max(deadline, began + START_LIMIT_S)
            elif not has_keeper(self._ledger, self._settings.gateway_port):
                return None
            if time.monotonic() > deadline:
                return None
            time.sleep(LOOK_S)

    def _is_coming(self) -> bool:
        """Whether a keeper is about to have a meter, at whatever port."""
        kept = keeper.keepers_of(self._ledger.path)
        return any(one.phase is keeper.KeeperPhase.STARTING for one in kept)

    def _start(self, settings: Settings) -> Meter:
        if self._started is not None:
            self._started.poll()  # it is dead; this keeps it from becoming a zombie
        started = start_meter(settings, self._ledger.path, is_for_runs=True)
        self._started = started.process
        assert started.process.stdout is not None
        started.process.stdout.close()  # it has said all it says
        meter = meter_at(self._ledger, started.gateway_url)
        if meter is None:
            raise MeterError("The meter does not start", "It is ready but not in the ledger. Its log tells more.")
        return meter

    def _watch(self) -> None:
        while not self._ending.wait(LOOK_S):
            if is_alive(self._ledger, self._meter.instance_id):
                continue
            try:
                self._look_after()
            except AppError as error:
                _LOG.warning("%s", error)

    def _look_after(self) -> None:
        """The meter is gone: take the one that somebody started in its place, leave it to its keeper, or start it."""
        newest = self._newest()
        if newest.is_alive:
            self._meter = newest
            return
        if newest.is_asked_to_stop or has_keeper(self._ledger, self._port):
            return
        if newest.instance_id != self._counted:
            self._counted = newest.instance_id
            self._note_crash(_DIED)
        if time.monotonic() >= self._next_start:
            self._start_again()

    def _start_again(self) -> None:
        with at_the_door(self._ledger, patience_s=0.0) as is_alone:
            if not is_alone or self._newest().is_alive:
                return  # another run is at it, or was
            _LOG.warning("the meter ended by itself and is started again")
            try:
                self._meter = self._start(self._settings_of_the_dead())
            except MeterError as error:
                self._note_crash(f"The meter stopped while this ran. {error}")

    def _newest(self) -> Meter:
        """The last one that was started where this run's agent calls."""
        return meter_at(self._ledger, self.gateway_url) or self._meter

    def _settings_of_the_dead(self) -> Settings:
        """The ports agents have; other addresses too where they were this person's own."""
        listen = self._settings.listen if self._port == self._settings.gateway_port else ""
        forward_port = urlsplit(self.forward_url).port or 0
        return replace(self._settings, gateway_port=self._port, forward_port=forward_port, listen=listen)

    def _note_crash(self, trouble: str) -> None:
        pause_s = self._crashes.note()
        if pause_s is None:
            _LOG.error("the meter keeps stopping and is not started again")
            trouble = f"The meter kept stopping, {crashes.LIMIT} times within a minute, and was given up. {trouble}"
        self._trouble = trouble
        self._next_start = float("inf") if pause_s is None else time.monotonic() + pause_s
