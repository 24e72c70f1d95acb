"""Where pictures are taken: sample ledgers that are filled once, windows on them, and waiting until these have read."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QSettings
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.models.columns import Clock
from app.desktop.models.snapshot import Snapshot
from app.desktop.popover import Popover
from app.desktop.reading import read_snapshot
from app.desktop.tasks import Tasks
from app.desktop.window import Window
from app.keys.vault import FixedVault
from app.ledger.engine import Ledger
from app.services.settings import Settings
from sample_absurd import fill_absurd
from sample_exports import SampleExports
from sample_ledgers import (
    NOW,
    SEED,
    ZONE,
    fill_first_key,
    fill_normal,
    fill_prices,
    fill_waiting,
    open_sample,
)
from sample_loops import fill_loops
from sample_machine import PLACES, SampleKeys, SampleMachine
from sample_sessions import fill_sessions
from stillness import sow

PATIENCE_S = 60
_SETTLES = 6
EMPTY, NORMAL, ABSURD = "empty", "normal", "absurd"
KINDS = (NORMAL, EMPTY, ABSURD)

type Fill = Callable[[Ledger, str], None]


def fill_nothing(_ledger: Ledger, _meter: str) -> None:
    """A ledger as it is on the first day."""


_NORMAL: dict[str, Fill] = {
    "month": fill_normal, "sessions": fill_sessions, "prices": fill_prices, "setup": fill_first_key,
    "loops": fill_loops, **{f"waiting-{count}": partial(fill_waiting, count) for count in (1, 3, 20, 500)},
}  # fmt: skip
_ONE: dict[str, Fill] = {EMPTY: fill_nothing, ABSURD: fill_absurd}


class Shelf:
    """Sample ledgers by kind and name, each filled when it is first asked for."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._ledgers: dict[str, Ledger] = {}

    def ledger(self, kind: str, sample: str) -> Ledger:
        """This sample; an empty or absurd ledger is the same one for all."""
        name = sample if kind == NORMAL else kind
        if name not in self._ledgers:
            sow(SEED, NOW)
            fill = _NORMAL[sample] if kind == NORMAL else _ONE[kind]
            self._ledgers[name] = open_sample(self._home / name, fill)
        return self._ledgers[name]

    def fresh(self, fill: Fill, name: str) -> Ledger:
        """A ledger of its own, for a scene that writes into it."""
        self.drop(name)
        sow(SEED, NOW)
        made = open_sample(self._home / f"{name}-{time.monotonic_ns()}", fill)
        self._ledgers[name] = made
        return made

    def drop(self, name: str) -> None:
        """Close one."""
        if (old := self._ledgers.pop(name, None)) is not None:
            old.close()

    def close(self) -> None:
        """Close all."""
        for name in list(self._ledgers):
            self.drop(name)


class Stage:
    """One kind of ledger at one size of the window."""

    def __init__(self, shelf: Shelf, kind: str, size: tuple[int, int]) -> None:
        self.shelf, self.kind, self.size = shelf, kind, size

    def ledger(self, sample: str) -> Ledger:
        """A sample of this kind."""
        return self.shelf.ledger(self.kind, sample)

    @contextmanager
    def window(self, sample: str, page: str) -> Iterator[Window]:
        """A window on a sample, with its first reading, at a page. It keeps nothing."""
        ledger = self.ledger(sample)
        tasks = Tasks()
        state = QSettings(str(ledger.path.with_name("window.ini")), QSettings.Format.IniFormat)
        made = Window(sample_commands(ledger, tasks), Settings(), ZONE, Clock(NOW, ZONE), state)
        made.resize(*self.size)
        made.open_page(page)
        made.show()
        made.show_snapshot(read(ledger))
        try:
            yield made
        finally:
            tasks.stop()
            destroy(made)

    @contextmanager
    def popover(self, sample: str, **changes: Any) -> Iterator[Popover]:
        """The popover on a reading, some of which may be said to be otherwise."""
        ledger = self.ledger(sample)
        tasks = Tasks()
        made = Popover(sample_commands(ledger, tasks))
        made.show_snapshot(replace(read(ledger), **changes))
        made.toggle_at(QPoint(0, 0))
        try:
            yield made
        finally:
            tasks.stop()
            destroy(made)


def sample_commands(ledger: Ledger, tasks: Tasks) -> Commands:
    """Orders on this ledger, about a machine that is the same everywhere."""
    settings, vault = ledger.path.with_name("settings.json"), FixedVault({})
    commands = Commands(ledger, vault, tasks, settings, ZONE.key)
    commands.machine = SampleMachine(ledger, vault, tasks, settings)
    commands.keys = SampleKeys(ledger, vault, tasks, settings)
    commands.exports = SampleExports(ledger, vault, tasks, settings)
    commands.places = PLACES
    return commands


def read(ledger: Ledger, at: datetime = NOW) -> Snapshot:
    """What the windows are shown."""
    return read_snapshot(ledger, at, ZONE)


def wait_until(is_there: Callable[[], object]) -> None:
    """Let the windows work until then. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while not is_there():
        if time.monotonic() > deadline:
            raise TimeoutError("a window did not read in time")
        QApplication.processEvents()
        time.sleep(0.005)


def settle() -> None:
    """Let everything lay itself out."""
    for _ in range(_SETTLES):
        QApplication.sendPostedEvents()
        QApplication.processEvents()


def save(widget: QWidget, file: Path) -> None:
    """Take its picture. Raises OSError where it cannot be written."""
    settle()
    if not widget.grab().save(str(file)):
        raise OSError(f"{file} could not be written")
