"""What looking for loops costs the meter's writer with each call.

`python -m tests.bench_loops [--calls 2000]` writes calls of agents with tools as the meter does, with a look at each
and without, in two ledgers and in turns of a hundred. It prints the median and the 99th percentile of both, in
microseconds, and of the look's own processor time; then that with a conversation read back after a restart, and how
long it takes to read what is usual out of a ledger with these calls.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.core.tags import Tags
from app.core.tool_call import ToolOutcome, ToolResult
from app.insight.loops import TURNS_READ_BACK
from app.insight.spend_memory import Usual
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger, open_ledger
from app.ledger.group_writer import Desk
from app.ledger.settlement import settle
from app.ledger.tool_booking import ToolNews, book_tools
from proxy_addon.loop_watch import LoopWatch, usual_of
from tests.ledger.bookkeeping import make_call, make_draft, reserve
from tests.ledger.tooling import use

START = datetime(2026, 11, 22, 9, tzinfo=UTC)
IN_TURNS = 100


class Agents:
    """Eight agents in turn, each in a conversation of its own, every fifth step a failure."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.watch = LoopWatch()
        self.watch.usual = {"agent": Usual(10**12, 10**6)}
        self._made = 0

    def call(self, *, looks: bool) -> tuple[float, float]:
        """One call, written and looked at: seconds of the whole writing, and of the look in it."""
        number, self._made = self._made, self._made + 1
        tags = Tags("p", "agent", "u", "", "task", f"session {number % 8}", "key")
        at = START + timedelta(seconds=number)
        outcome = ToolOutcome.FAILED if number % 5 == 0 else ToolOutcome.SUCCEEDED
        results = (ToolResult(f"t{number - 8}", "", outcome, 900, b"%d" % number),) if number >= 8 else ()
        draft = replace(make_draft(100, at=at, tags=tags), carries_results=bool(results), input_mark=f"{number}")
        assert reserve(self.ledger, draft).is_admitted
        call = replace(make_call(draft, 90), duration_ms=900)
        news = ToolNews(results, (use("Bash", f"[{number % 40}]", f"t{number}"),), (), at)
        began = time.perf_counter()
        with self.ledger.write() as connection:
            caps = read_caps(connection)
            settle(connection, caps, call, at)
            book_tools(self.ledger, connection, call, news)
            looked = time.thread_time()
            if looks:
                self.watch.look_at(Desk(connection, caps, self.ledger), call, draft, at)
            after = time.thread_time()
        return time.perf_counter() - began, after - looked


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_loops", description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    count = parser.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        ledgers = [open_ledger(Path(folder) / name / "ledger.sqlite", checkpoints=True) for name in _made(folder)]
        looked_at, left_alone = map(Agents, ledgers)
        with_look: list[float] = []
        without: list[float] = []
        alone: list[float] = []
        for number in range(2 * count):
            looks = number // IN_TURNS % 2 == 0
            whole, look = (looked_at if looks else left_alone).call(looks=looks)
            (with_look if looks else without).append(whole)
            alone += [look] if looks else []
        _print("writing a call", without)
        _print("writing and looking", with_look)
        _print("the look alone, processor time", alone)
        again = []
        for _ in range(20):
            looked_at.watch = LoopWatch()
            again.append(looked_at.call(looks=True)[1])
        _print(f"the same after a restart, {min(count // 8, TURNS_READ_BACK)} steps back", again)
        began = time.perf_counter()
        usual_of(looked_at.ledger, START + timedelta(days=2))
        print(f"what is usual, of {count:,} calls: {(time.perf_counter() - began) * 1000:.0f} ms")
        for ledger in ledgers:
            ledger.close()


def _made(folder: str) -> list[str]:
    names = ["looked at", "left alone"]
    for name in names:
        (Path(folder) / name).mkdir()
    return names


def _print(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    middle, high = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    print(f"{name:<38}{middle * 1e6:>9.0f} us{high * 1e6:>9.0f} us (99 %)")


if __name__ == "__main__":
    main()
