"""The keeper's one loop: meters that end, signals, standard input, and callers while there is no meter."""

import os
import select
import signal
import socket
import time

from proxy_addon.keeper import notes
from proxy_addon.keeper.arguments import Arguments
from proxy_addon.keeper.meters import Meter, start_meter
from proxy_addon.keeper.refusing import Refusing

MOST_DEATHS = 5
WITHIN_S = 60.0
FIRST_PAUSE_S = 0.2
READY_WITHIN_S = 60.0
"""A start on a busy machine takes some seconds; one that takes this long hangs."""
_LOOK_S = 1.0
_FAILED = 1
_HUNG = b'{"event": "failed", "title": "The meter was not ready in time", "message": ""}'


class Keeping:
    """Keeps one meter on these doors until it is asked to end. `current` serves, or is about to when none does;
    `coming` is to take its place; `leaving` end the calls they have."""

    def __init__(self, arguments: Arguments, doors: dict[str, socket.socket], note: notes.Note, keys: bytes) -> None:
        self._arguments = arguments
        self._command = arguments.command
        self._version = arguments.values.get("--version", "")
        self._doors = doors
        self._note = note
        self._keys = keys
        self._most_deaths = int(arguments.values.get("--most-deaths", MOST_DEATHS))
        self._refusing = Refusing()
        self._current: Meter | None = None
        self._coming: Meter | None = None
        self._leaving: list[Meter] = []
        self._deaths: list[float] = []
        self._start_at: float | None = 0.0
        self._is_blocked = self._is_stopping = self._has_served = self._is_renewing = False
        self._reason = b""
        self._status = 0

    def run(self) -> int:
        """Until it is over. Returns the exit status: 0 after a stop."""
        signals = _heard_signals()
        while not self._is_over():
            if self._start_at is not None and time.monotonic() >= self._start_at:
                self._start_at = None
                self._current = self._start()
            self._tell()
            readable = self._wait(signals)
            if signals in readable:
                self._obey(os.read(signals, 4096))
            self._hear(readable)
            self._bury()
            self._look_at_time()
        self._refusing.end_late(everybody=True)
        return self._status

    def _is_over(self) -> bool:
        return self._is_stopping and not self._meters()

    def _meters(self) -> list[Meter]:
        return [meter for meter in (self._current, self._coming, *self._leaving) if meter is not None]

    def _start(self) -> Meter | None:
        try:
            return start_meter(self._command, self._doors, self._keys)
        except OSError as error:
            self._log(f"no meter can be started: {error}")
            self._start_at = time.monotonic() + _LOOK_S
            return None

    def _wait(self, signals: int) -> list[int | socket.socket]:
        """What can be read, or nothing after a second."""
        watched: list[int | socket.socket] = [signals, *(meter.out for meter in self._meters() if meter.out >= 0)]
        if "--stop-with-stdin" in self._arguments.flags and not self._is_stopping:
            watched.append(0)
        if self._is_blocked:
            watched += [*self._doors.values(), *self._refusing.callers]
        until = _LOOK_S if self._start_at is None else min(_LOOK_S, max(0.0, self._start_at - time.monotonic()))
        return select.select(watched, [], [], until)[0]

    def _hear(self, readable: list[int | socket.socket]) -> None:
        for meter in self._meters():
            if meter.out in readable:
                for line in meter.hear():
                    self._pass_on(line)
        if 0 in readable and not os.read(0, 4096):
            self._stop()
        for caller in self._refusing.callers:
            if caller in readable:
                self._refusing.read(caller)
        for name, door in self._doors.items():
            if door in readable and self._is_blocked:
                self._refusing.take(door, is_answered=name != "network")
        self._settle_coming()

    def _pass_on(self, line: bytes) -> None:
        """To whoever started us, who listens until the first meter is ready."""
        if not self._has_served:
            try:
                os.write(1, line + b"\n")
            except OSError:
                pass

    def _settle_coming(self) -> None:
        if self._coming is not None and self._coming.is_ready:
            self._log("a new meter is ready; the one before it ends its calls")
            if self._current is not None:
                self._current.tell(signal.SIGHUP)
                self._leaving.append(self._current)
            self._current, self._coming = self._coming, None
        if self._current is not None and self._current.is_ready:
            self._has_served = True
            if self._is_renewing:
                self._is_renewing = False
                self._coming = self._start()

    def _obey(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop()
        elif signal.SIGHUP in numbers:
            self._renew()

    def _stop(self) -> None:
        """Asked to end: so are the meters, which settle what they have."""
        self._is_stopping = True
        self._start_at = None
        for meter in self._meters():
            meter.tell(signal.SIGTERM)

    def _renew(self) -> None:
        """A person wants a meter: another one where one serves, or again one where it was given up."""
        left = self._note.taken_command()
        if left:
            self._version, self._command = left[0], left[1:] or self._command
        self._deaths.clear()
        self._reason = b""
        if self._is_stopping or self._coming is not None:
            return
        if self._current is None:
            self._unblock()
        else:
            self._is_renewing = True  # once it serves: it may have begun before what is new

    def _unblock(self) -> None:
        self._is_blocked = False
        self._refusing.end_late(everybody=True)
        self._start_at = time.monotonic()

    def _bury(self) -> None:
        """See to the meters that have ended."""
        for meter in self._meters():
            pid, status = os.waitpid(meter.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                meter.note_end(code)
                self._see_to_end(meter, code)

    def _see_to_end(self, meter: Meter, code: int) -> None:
        if meter in self._leaving:
            self._leaving.remove(meter)
        elif meter is self._coming:
            self._coming = None
            self._reason = meter.reason
            self._log(f"the new meter did not start: {meter.reason.decode(errors='replace')}")
        elif self._is_stopping:
            self._current = None
        elif code == 0:
            self._current = None  # it was asked to
            self._stop()
        else:
            self._current, self._coming = self._coming, None
            self._see_to_death(meter, code)

    def _see_to_death(self, meter: Meter, code: int) -> None:
        """It died. Start the next, unless one is coming, there was never one that served, or they die too often."""
        self._reason = meter.reason
        self._log(f"the meter {meter.pid} died: {meter.reason.decode(errors='replace')}")
        now = time.monotonic()
        self._deaths = [*(died for died in self._deaths if now - died < WITHIN_S), now]
        if self._current is not None:
            return
        if not self._has_served and "--stays" not in self._arguments.flags:
            if b'"event"' in meter.reason:
                self._pass_on(meter.reason)
            self._status = code if code > 0 else _FAILED
            self._is_stopping = True
        elif len(self._deaths) >= self._most_deaths:
            self._is_blocked = True
            self._log(
                f"{len(self._deaths)} meters died within {WITHIN_S:.0f} s: none is started until somebody says so"
            )
        else:
            again = len(self._deaths) - 1
            self._start_at = now + (FIRST_PAUSE_S * 2 ** (again - 1) if again else 0.0)

    def _look_at_time(self) -> None:
        self._refusing.end_late()
        for meter in (self._current, self._coming):
            if meter is not None and not meter.is_ready and time.monotonic() - meter.started_at > READY_WITHIN_S:
                meter.reason = meter.reason or _HUNG
                meter.tell(signal.SIGKILL)
        is_for_runs = "--for-runs" in self._arguments.flags
        if self._is_blocked and is_for_runs and not notes.any_run(self._arguments.values["--attendance"]):
            self._stop()

    def _tell(self) -> None:
        phase = "blocked" if self._is_blocked else "running"
        if self._current is None or not self._current.is_ready:
            phase = "blocked" if self._is_blocked else "starting"
        gateway, forward = (self._doors[name].getsockname()[1] for name in ("gateway", "forward"))
        self._note.write(
            {
                "pid": str(os.getpid()),
                "version": self._version,
                "flags": " ".join(sorted(self._arguments.flags)),
                "phase": phase,
                "gateway": str(gateway),
                "forward": str(forward),
                "meter": str(self._current.pid if self._current is not None else 0),
                "deaths": str(len(self._deaths)),
                "reason": self._reason.decode(errors="replace"),
            }
        )

    def _log(self, text: str) -> None:
        notes.log(self._arguments.values.get("--log", os.devnull), text)


def _heard_signals() -> int:
    """A descriptor from which the numbers of the signals that came can be read."""
    heard, hears = os.pipe()
    for end in (heard, hears):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(hears, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return heard
