"""How long a person waits for Bursar to begin: `python -m tests.bench_startup [--runs N] [--calls N]`.

`--help`, and `bursar spend` on a ledger of 100,000 calls, summed and not summed yet, as the processor's time of the
whole process; the meter until it says where it listens, and the tray until its icon stands there with its figures, as
time on the clock too. Medians; a bare `python -c pass` stands beside them. Exit status 1 when a figure is above what it
may be.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from app.ledger.engine import open_ledger
from tests.bench_admission import fill
from tests.large_ledger import make_large

HELP_S, SPEND_S = 0.3, 0.5
_TRAY = """
import os, sys
from pathlib import Path
from unittest import mock
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from app import paths
from app.desktop.application import Desktop
from app.keys.vault import FixedVault
from app.ledger.engine import open_ledger
from app.services.settings import Settings
mock.patch.object(QSystemTrayIcon, "isSystemTrayAvailable", return_value=True).start()
app = QApplication(sys.argv[:1])
desktop = Desktop(app, open_ledger(paths.ledger_path()), Settings(), FixedVault({}), keeps_meter=False)
desktop.feed.read.connect(lambda _: (print("stands", flush=True), app.quit()))
desktop.start()
app.exec()
desktop.stop()
"""

type Figures = tuple[float, float]
"""Seconds of the processor, and on the clock."""


def of_whole(command: list[str], environment: Mapping[str, str]) -> Figures:
    """A process from beginning to end."""
    before, began = _children_s(), time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return _children_s() - before, time.perf_counter() - began


def until_told(command: list[str], environment: Mapping[str, str]) -> Figures:
    """A process until its first line, then ended."""
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline()
        took, spent = time.perf_counter() - began, _tree_s(run.pid)
        run.terminate()
        run.communicate()
    return spent, took


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tree_s(pid: int) -> float:
    """The processor's time of a process and its children so far; nan where the system has no such files."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return float("nan")
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(_tree_s(int(child)) for child in below)


def tell(what: str, runs: int, measure: Callable[[], Figures], most: float | None = None) -> bool:
    """Measure so often and print the medians. Whether the processor's time is as it should be."""
    cpu, clock = (statistics.median(figures) for figures in zip(*(measure() for _ in range(runs)), strict=True))
    allowed = "" if most is None else f"   (at most {most:g} s)"
    print(f"{what:<44}{cpu:6.2f} s of the processor, {clock:6.2f} s on the clock{allowed}", flush=True)
    return most is None or cpu <= most


def prepared(home: Path, calls: int, *, is_summed: bool) -> dict[str, str]:
    """A home with a ledger of so many calls over a year, and the environment that leads to it."""
    home.mkdir(mode=0o700)
    if is_summed:
        make_large(home / "ledger.sqlite", calls)
    else:
        ledger = open_ledger(home / "ledger.sqlite", checkpoints=True)
        fill(ledger, calls)
        ledger.close()
    return {"QT_QPA_PLATFORM": "offscreen"} | os.environ | {"BURSAR_HOME": str(home)}


def main() -> int:
    """Measure and tell. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=100_000)
    given = parser.parse_args()
    python, bursar = [sys.executable, "-c"], [sys.executable, "-m", "app"]
    everything = [*bursar, "spend", "--since", "all"]
    ports = ["--gateway-port", "0", "--forward-port", "0"]
    with tempfile.TemporaryDirectory() as folder:
        summed = prepared(Path(folder) / "summed", given.calls, is_summed=True)
        single = prepared(Path(folder) / "single", given.calls, is_summed=False)
        met = [
            tell("python -c pass", given.runs, lambda: of_whole([*python, "pass"], summed)),
            tell("bursar --help", given.runs, lambda: of_whole([*bursar, "--help"], summed), HELP_S),
            tell("bursar spend", given.runs, lambda: of_whole([*bursar, "spend"], summed), SPEND_S),
            tell("bursar spend --since all", given.runs, lambda: of_whole(everything, summed), SPEND_S),
            tell("the same, no call summed yet", given.runs, lambda: of_whole(everything, single), SPEND_S),
            tell("bursar proxy, until it listens", given.runs, lambda: until_told([*bursar, "proxy", *ports], summed)),
            tell("the tray, until its figures stand there", given.runs, lambda: until_told([*python, _TRAY], summed)),
        ]
    return int(not all(met))


if __name__ == "__main__":
    sys.exit(main())
