"""Sees to it that a meter runs: starts one when none does, and tells a person when it cannot be had.

What is started is the meter's keeper, detached, so both go on when the tray is quit. It starts the meter again when
that dies, and says when it has given up; here that is told, and a person's word to try again is passed on. Where no
keeper lives (it was killed, or cannot start, or there is none on this system), the meter is started from here, again
when it dies, and given up when it keeps dying. Who lives is read by the feed; nothing here waits for a process.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.core.errors import MeterError
from app.ledger.meter_state import Meter
from app.paths import PRIVATE_FILE_MODE
from app.services.keeper import Keeper, renew_meter, told_in

CRASHES = 5
CRASH_WINDOW_S = 60.0
READY_WITHIN_S = 20.0
FIRST_PAUSE_MS = 200
LAST_PAUSE_MS = 2_000
TROUBLE_AFTER_S = 2.0
_LOG_TAIL_BYTES = 8_192

if sys.platform == "win32":
    _DETACHED: dict[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
else:
    _DETACHED: dict[str, Any] = {"start_new_session": True}


class MeterPhase(StrEnum):
    """What is done about the meter. `kept`: there is none, and its keeper sees to it."""

    LOOKING = "looking"
    STARTING = "starting"
    KEPT = "kept"
    RUNNING = "running"
    PAUSING = "pausing"
    FAILED = "failed"
    LEFT_ALONE = "left alone"


class MeterKeeper(QObject):
    """Feed it every sight of the meter and its keeper (`saw`). `changed` tells the trouble in words; empty when there
    is none."""

    changed = Signal(str)

    def __init__(self, command: list[str], log_file: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._command = command
        self._log_file = log_file
        self._clock = clock
        self.phase = MeterPhase.LOOKING
        self._crashes: deque[float] = deque(maxlen=CRASHES)
        self._started_at = 0.0
        self._down_since: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._kept: Keeper | None = None
        self._log_start = 0
        self._reason = ""
        self._told = ""

    @Slot(object, object)
    def saw(self, meter: Meter | None, kept: Keeper | None = None) -> None:
        """Act on whether a meter runs, and whether one that does not has a keeper."""
        if self.phase is MeterPhase.LEFT_ALONE:
            return
        self._kept = kept
        if meter is not None:
            self._settle_running()
        elif kept is not None:
            self._leave_to(kept)
        elif self.phase is MeterPhase.KEPT:
            self._note_crash(self._failure_told() or "It ended by itself.")
        elif self.phase is MeterPhase.LOOKING:
            self._start()
        elif self.phase is MeterPhase.RUNNING:
            self._note_crash("It ended by itself.")
        elif self.phase is MeterPhase.STARTING:
            self._look_at_start()
        self._tell(meter)

    def start_again(self) -> None:
        """A person asks for another try after it was given up."""
        self._crashes.clear()
        if self._kept is not None and self.phase is not MeterPhase.LEFT_ALONE:
            with suppress(MeterError):  # it is gone, which the next sight tells
                renew_meter(self._kept)
        elif self.phase is not MeterPhase.RUNNING:
            self._start()

    def leave_alone(self) -> None:
        """Start none any more: the person stops the meter, or quits the tray."""
        self.phase = MeterPhase.LEFT_ALONE

    def _settle_running(self) -> None:
        self.phase = MeterPhase.RUNNING
        self._down_since = None
        self._reason = ""

    def _leave_to(self, kept: Keeper) -> None:
        self.phase = MeterPhase.FAILED if kept.trouble else MeterPhase.KEPT
        self._reason = kept.trouble or kept.reason
        if self._down_since is None:
            self._down_since = self._clock()

    def _start(self) -> None:
        if self.phase is MeterPhase.LEFT_ALONE:
            return
        self.phase = MeterPhase.STARTING
        self._started_at = self._clock()
        self._log_start = _size(self._log_file)
        try:
            self._process = _spawn(self._command, self._log_file)
        except OSError as error:
            self._note_crash(f"Its program cannot be started: {error.strerror or error}.")

    def _look_at_start(self) -> None:
        """While it starts: has it said why it failed, is it gone, or does it take too long?"""
        reason = self._failure_told()
        if reason:
            self._note_crash(reason)
        elif self._process is not None and self._process.returncode is not None:
            self._note_crash("It ended before it was ready.")
        elif self._clock() - self._started_at > READY_WITHIN_S:
            self._note_crash(f"It was not ready after {READY_WITHIN_S:.0f} s.")

    def _note_crash(self, reason: str) -> None:
        now = self._clock()
        self._reason = reason
        self._crashes.append(now)
        if self._down_since is None:
            self._down_since = now
        if len(self._crashes) == CRASHES and now - self._crashes[0] < CRASH_WINDOW_S:
            self.phase = MeterPhase.FAILED
            return
        self.phase = MeterPhase.PAUSING
        pause = 0 if len(self._crashes) == 1 else min(FIRST_PAUSE_MS * 2 ** len(self._crashes), LAST_PAUSE_MS)
        QTimer.singleShot(pause, self, self._after_pause)

    def _after_pause(self) -> None:
        if self.phase is MeterPhase.PAUSING:
            self._start()

    def _tell(self, meter: Meter | None) -> None:
        """A crash that is mended within two seconds is not worth a word; the icon dims for it."""
        is_long = self._down_since is not None and self._clock() - self._down_since > TROUBLE_AFTER_S
        told = self._trouble() if meter is None and (is_long or self.phase is MeterPhase.FAILED) else ""
        if told != self._told:
            self._told = told
            self.changed.emit(told)

    def _trouble(self) -> str:
        tries = len(self._crashes)
        is_ours = self.phase is MeterPhase.FAILED and self._kept is None
        tried = f" Bursar tried to start it {tries} times." if is_ours else ""
        fate = "wait" if self.phase is MeterPhase.KEPT else "fail"
        return f"Calls from connected agents {fate} until it is back.{tried} {self._reason}"

    def _failure_told(self) -> str:
        """The reason on the last JSON line that this start wrote into the log; empty while there is none."""
        for line in reversed(_tail(self._log_file, self._log_start).splitlines()):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if told := told_in(line):
                return told
            if isinstance(event, dict) and "event" in event:
                return ""
        return ""


def _spawn(command: list[str], log_file: Path) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that it outlives the tray, with all it says going into the log.

    QProcess.startDetached does not tell the process's id where output is redirected, so nobody would know of a meter
    that died before it could say why. A thread waits for it, which also keeps it from becoming a zombie.
    """
    descriptor = os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE_FILE_MODE)
    with os.fdopen(descriptor, "ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=log_file.parent, **_DETACHED
        )
    threading.Thread(target=process.wait, name="meter-wait", daemon=True).start()
    return process


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _tail(file: Path, start: int) -> str:
    try:
        with file.open("rb") as stream:
            stream.seek(max(start, _size(file) - _LOG_TAIL_BYTES))
            return stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
