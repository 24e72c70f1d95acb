"""The tray and its window on a ledger of a million calls: `python -m tests.bench_window [--calls N] [--keep FOLDER]`.

Fills a month up to now by plain inserts, rolls it up as the meter does, and starts the whole desktop in a process of
its own, without a screen unless QT_QPA_PLATFORM names one. Printed are how long the window takes to stand there with
its data, the longest frame while pages, ranges and tables are gone through, and what the tray costs at rest.
A frame is the time in which the windows answer nothing. Exit status 1 when a figure is above what it may be.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from unittest import mock

from PySide6.QtCore import QEventLoop, QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QPushButton, QSystemTrayIcon

from app.desktop.application import Desktop
from app.desktop.models.chart_range import ChartRange
from app.desktop.models.snapshot import Snapshot
from app.desktop.pages.overview import OverviewPage
from app.keys.vault import FixedVault
from app.ledger.engine import open_ledger
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.rollup import roll_up
from app.services.settings import Settings
from tests.bench_insight import fill

OPEN_S, FRAME_MS, POPOVER_MS, IDLE_PERCENT, MEMORY_MB = 1.0, 50.0, 100.0, 1.0, 200.0
BEAT_MS = 2
SCROLL_STEPS = 60
ROLLED_AT_ONCE = 50_000
SETTLED_S = 0.5
PATIENCE_S = 120.0


@dataclass
class Bench:
    """Prints what is measured beside what it may be."""

    is_met: bool = True
    beats: "Beats" = field(default_factory=lambda: Beats())

    def tell(self, what: str, value: float, unit: str, most: float | None = None) -> None:
        """One line."""
        allowed = f"   (at most {most:g} {unit})" if most is not None else ""
        failed = most is not None and value > most
        self.is_met = self.is_met and not failed
        print(f"{what:<46}{value:>9.2f} {unit}{allowed}{'   TOO MUCH' if failed else ''}", flush=True)

    def tell_frame(self, what: str, most: float = FRAME_MS) -> None:
        """The longest frame since `beats.start`, and how much of it was this thread's own work."""
        whole, own = self.beats.stop()
        self.tell(f"{what}, longest frame", whole, "ms", most)
        self.tell("    most work of its own in a frame", own, "ms")


class Beats(QObject):
    """A timer that notes the longest time in which it could not beat, and the most it was kept busy by this thread: on
    a machine that others use, the first is theirs as well."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._last = self._last_own = self._longest = self._most_own = 0.0

    def start(self) -> None:
        """Measure from now on."""
        self._last, self._last_own = time.perf_counter(), time.thread_time()
        self._longest = self._most_own = 0.0
        self._timer.start()

    def stop(self) -> tuple[float, float]:
        """The longest frame since, and the most work in one, in milliseconds."""
        self._beat()
        self._timer.stop()
        return self._longest * 1_000 - BEAT_MS, self._most_own * 1_000

    def _beat(self) -> None:
        now, own = time.perf_counter(), time.thread_time()
        self._longest = max(self._longest, now - self._last)
        self._most_own = max(self._most_own, own - self._last_own)
        self._last, self._last_own = now, own


def until(condition: Callable[[], bool], what: str) -> float:
    """Let Qt work until the condition holds; how many seconds it took."""
    began = time.perf_counter()
    while not condition():
        QApplication.processEvents()
        time.sleep(0.0005)
        if time.perf_counter() - began > PATIENCE_S:
            raise SystemExit(f"waited in vain for {what}")
    return time.perf_counter() - began


def rested(seconds: float) -> None:
    """Let Qt work for so long, and sleep while it has nothing to do."""
    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1_000), loop.quit)
    loop.exec()


def prepared(file: Path, count: int) -> None:
    """A ledger of so many calls."""
    ledger = open_ledger(file, checkpoints=True)
    fill(ledger, count, datetime.now(UTC))
    rolled = 1
    while rolled:
        with ledger.write() as connection:
            rolled = roll_up(connection, ROLLED_AT_ONCE)
    ledger.close()


def measure(file: Path, idle_s: float) -> bool:
    """Rest, open, go through everything, close. Whether all figures are as they should be."""
    app = QApplication(sys.argv[:1])
    mock.patch.object(QSystemTrayIcon, "isSystemTrayAvailable", return_value=True).start()  # else the window opens
    began = time.perf_counter()
    ledger = open_ledger(file)
    lock = InstanceLock(ledger)
    register_meter(ledger, lock.instance_id, "http://127.0.0.1:8787", "http://127.0.0.1:8788")
    bench, seen = Bench(), list[Snapshot]()
    desktop = Desktop(app, ledger, Settings(), FixedVault({}), keeps_meter=False)
    desktop.feed.read.connect(seen.append)
    desktop.start()
    until(lambda: bool(seen), "the first reading")
    bench.tell("tray with its figures, from a process that is up", time.perf_counter() - began, "s", OPEN_S)
    rest(bench, idle_s)
    open_window(bench, desktop)
    change_ranges(bench, desktop)
    go_through_pages(bench, desktop)
    open_popover(bench, desktop)
    bench.tell("memory after all that", resident_mb(), "MB")
    desktop.stop()
    ledger.close()
    lock.release()
    return bench.is_met


def open_window(bench: Bench, desktop: Desktop) -> None:
    """As a click on the menu does."""
    began = time.perf_counter()
    desktop.open_page("")
    until(desktop.window.isVisible, "the window")
    desktop.window.grab()
    bench.tell("window with its data, from the tray", time.perf_counter() - began, "s", OPEN_S)


def change_ranges(bench: Bench, desktop: Desktop) -> None:
    """Choose each range of the graph, as a person does."""
    page = desktop.window.overview
    until(lambda: page.overview is not None, "the overview")
    buttons = {button.text(): button for button in page.findChildren(QPushButton)}
    for chosen in (*ChartRange, ChartRange.MONTH):
        if is_shown(page, chosen):
            continue
        bench.beats.start()
        buttons[str(chosen)].click()
        took = until(partial(is_shown, page, chosen), f"the range {chosen}")
        desktop.window.repaint()
        bench.tell_frame(f"range {chosen}")
        bench.tell(f"range {chosen}, its data after", took * 1_000, "ms")


def is_shown(page: OverviewPage, chosen: ChartRange) -> bool:
    """Whether what is shown is of this range."""
    return page.overview is not None and page.overview.range is chosen


def go_through_pages(bench: Bench, desktop: Desktop) -> None:
    """Open each page and scroll all on it from top to bottom."""
    for name, page in desktop.window.pages.items():
        bench.beats.start()
        desktop.window.open_page(name)
        desktop.window.repaint()
        rested(SETTLED_S)
        bench.tell_frame(f"page {name}, opened")
        areas = [area for area in page.findChildren(QAbstractScrollArea) if area.isVisible()]
        frames = [frame for area in areas for frame in scrolled(area)]
        if frames:
            bench.tell(f"page {name}, scrolled, longest of {len(frames)} frames", max(frames), "ms", FRAME_MS)


def scrolled(area: QAbstractScrollArea) -> list[float]:
    """Scroll to the end in steps; milliseconds of each."""
    bar, frames = area.verticalScrollBar(), []
    for step in range(1, SCROLL_STEPS + 1) if bar.maximum() > 0 else ():
        began = time.perf_counter()
        bar.setValue(bar.maximum() * step // SCROLL_STEPS)
        area.viewport().repaint()
        QApplication.processEvents()
        frames.append((time.perf_counter() - began) * 1_000)
    return frames


def open_popover(bench: Bench, desktop: Desktop) -> None:
    """As a click on the icon does."""
    bench.beats.start()
    desktop.popover.toggle_at(QPoint(600, 10))
    desktop.popover.repaint()
    rested(SETTLED_S)
    bench.tell_frame("popover, opened", POPOVER_MS)
    desktop.popover.hide()


def rest(bench: Bench, idle_s: float) -> None:
    """Let the tray be, as it is after a login."""
    rested(SETTLED_S)
    before = time.process_time()
    rested(idle_s)
    share = (time.process_time() - before) / idle_s * 100
    bench.tell(f"tray at rest for {idle_s:.0f} s, of one core", share, "%", IDLE_PERCENT)
    bench.tell("tray at rest, memory", resident_mb(), "MB", MEMORY_MB)


def resident_mb() -> float:
    """What this process holds of the machine's memory, shared libraries included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder to keep the ledger in for the next time")
    parser.add_argument("--idle-s", type=float, default=70.0, help="long enough for the reading that comes each minute")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        return 0 if measure(arguments.measure, arguments.idle_s) else 1
    with tempfile.TemporaryDirectory() as home:
        file = (arguments.keep or Path(home)) / f"ledger-{arguments.calls}.sqlite"
        if not file.exists():
            prepared(file, arguments.calls)
        command = [
            sys.executable,
            "-m",
            "tests.bench_window",
            "--measure",
            str(file),
            "--idle-s",
            str(arguments.idle_s),
        ]
        environment = {"QT_QPA_PLATFORM": "offscreen"} | os.environ | {"BURSAR_HOME": home}
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
