"""Running what the settings say is to be exported: Prometheus, OpenTelemetry, webhooks.

The tray does so in threads of its own, `bursar proxy` too, and `bursar export run` does nothing else. One at a time, by
the lock of a file: the others wait, and the next takes over when the first ends, however it ends. Settings are looked
at each second, so a change counts at once. What runs, and what is wrong with it, is told in a file beside the lock,
which holds no secret.
"""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core.errors import AppError, told_of
from app.keys.vault import Vault
from app.ledger import places
from app.ledger.engine import Ledger
from app.ledger.file_lock import is_held, one_at_a_time
from app.services.exports.parts import Part, parts_of
from app.services.settings import Settings, load_settings
from app.whole_file import write_whole

LOOK_EVERY_S = 1.0
AGAIN_AFTER_S = 5.0
LONGEST_END_S = 3.0
"""A thread that is just sending is left to end with the process: what it sends is sent again by the next one."""
_LOCK, _STATE = "exports", "exports.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Running:
    """Who runs the exports: `holder` in words (`the tray`), and for each part what is wrong, empty when nothing is."""

    pid: int
    holder: str
    troubles: Mapping[str, str]


class Exports:
    """What the settings want to be exported, by threads that live as long as this."""

    def __init__(
        self, ledger: Ledger, settings_file: Path, vault: Vault, holder: str, *, look_every_s: float = LOOK_EVERY_S
    ) -> None:
        self._ledger = ledger
        self._settings_file = settings_file
        self._vault = vault
        self._holder = holder
        self._look_every_s = look_every_s
        self._stop = threading.Event()
        self._folder = places.attendance_folder(ledger.path)
        self._workers: dict[str, _Worker] = {}
        self._thread = threading.Thread(target=self.run, name="exports", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End all, soon. Safe to call twice."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2 * LONGEST_END_S)

    def run(self) -> None:
        """Until it is stopped."""
        while not self._stop.is_set():
            try:
                with one_at_a_time(self._folder / _LOCK, 0) as is_ours:
                    if is_ours:
                        self._lead()
            except OSError as error:
                logger.warning("exports cannot run: %s", error.strerror or type(error).__name__)
            self._stop.wait(self._look_every_s)

    def _lead(self) -> None:
        told: Running | None = None
        seen: object = None
        try:
            while not self._stop.is_set():
                stamp = _stamp(self._settings_file)
                if stamp != seen:
                    seen = stamp
                    self._follow(_settings_in(self._settings_file))
                troubles = {name: worker.trouble for name, worker in self._workers.items()}
                now = Running(os.getpid(), self._holder, troubles)
                if now != told:
                    told = now
                    _write(self._folder / _STATE, now)
                self._stop.wait(self._look_every_s)
        finally:
            for worker in self._workers.values():
                worker.ask_to_end()
            self._end(self._workers)
            self._workers = {}

    def _follow(self, settings: Settings | None) -> None:
        """Start what is wanted now and does not run, and end what is not. Settings that cannot be read change
        nothing."""
        if settings is None:
            return
        wanted = parts_of(settings)
        unwanted = {name: one for name, one in self._workers.items() if wanted.get(name) != one.part}
        for worker in unwanted.values():
            worker.ask_to_end()
        self._end(unwanted)
        self._workers = {name: one for name, one in self._workers.items() if name not in unwanted}
        for name, part in wanted.items():
            if name not in self._workers:
                self._workers[name] = _Worker(part, self._ledger, self._vault)

    def _end(self, workers: "Mapping[str, _Worker]") -> None:
        for worker in workers.values():
            worker.end(LONGEST_END_S)


class _Worker:
    """The thread of one part, started again a while after it failed."""

    def __init__(self, part: Part, ledger: Ledger, vault: Vault) -> None:
        self.part = part
        self.trouble = ""
        self._work: Callable[[], None] = lambda: part.run(ledger, vault, self._stop, self._tell)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"export {part.name}", daemon=True)
        self._thread.start()

    def ask_to_end(self) -> None:
        """Without waiting for it."""
        self._stop.set()

    def end(self, within_s: float) -> None:
        """Wait for its end, so long."""
        self._stop.set()
        self._thread.join(within_s)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._work()
            except AppError as error:
                self._tell(told_of(error))
            except Exception as error:
                logger.exception("an export failed")
                self._tell(f"It failed with {type(error).__name__}. The log tells more.")
            self._stop.wait(AGAIN_AFTER_S)

    def _tell(self, trouble: str) -> None:
        if trouble != self.trouble and trouble:
            logger.warning("%s: %s", self.part.name, trouble)
        self.trouble = trouble


def running_exports(ledger_path: Path) -> Running | None:
    """Who runs the exports of this ledger; None when nobody does."""
    folder = places.attendance_folder(ledger_path)
    if not is_held(folder / _LOCK):
        return None
    try:
        told = json.loads((folder / _STATE).read_bytes())
        return Running(int(told["pid"]), str(told["holder"]), {str(k): str(v) for k, v in told["troubles"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Running(0, "another process", {})  # it has only just begun


def _write(file: Path, running: Running) -> None:
    try:
        write_whole(file, json.dumps(asdict(running)).encode())
    except OSError as error:
        logger.warning("what is exported cannot be told: %s", error.strerror or type(error).__name__)


def _stamp(file: Path) -> object:
    try:
        seen = file.stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_ino, seen.st_size


def _settings_in(file: Path) -> Settings | None:
    try:
        return load_settings(file)
    except AppError as error:
        logger.warning("%s", error)
        return None
