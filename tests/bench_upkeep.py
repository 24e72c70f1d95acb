"""What calls feel of the ledger's upkeep: how long a write takes by itself, during a backup, and while old calls are
dropped; and how long a check, a backup and a restore take. `python -m tests.bench_upkeep [CALLS]`."""

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from app.ledger.backups import back_up
from app.ledger.engine import Ledger, open_ledger
from app.ledger.restoring import restore_ledger
from app.ledger.retention import BREATH_S, drop, droppable, limit_of
from app.ledger.rollup import roll_up
from app.ledger.rows import call_columns
from app.ledger.soundness import full_check, quick_check
from app.ledger.tables import calls
from tests.ledger.bookkeeping import make_call, make_draft, set_cap, spend_money

AT_ONCE = 10_000
REST_S = 0.02
"""Between two writes: as many as thirty agents make."""


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        ledger = open_ledger(path, checkpoints=True)
        set_cap(ledger, 10**15)
        fill(ledger, count)
        print(f"{count:,} calls, {path.stat().st_size / 2**20:.0f} MB")
        print(
            f"quick check {timed(lambda: quick_check(path)):.2f} s, full check {timed(lambda: full_check(path)):.2f} s"
        )
        show("writes by themselves", writes_during(ledger, lambda: time.sleep(5)))
        show("writes during a backup", writes_during(ledger, lambda: back_up(path, datetime.now(UTC))))
        show("writes while old calls are dropped", writes_during(ledger, lambda: drop_for(ledger, 10)))
        ledger.close()
        path.unlink()
        print(f"restore of the backup {timed(lambda: restore_ledger(path, datetime.now(UTC))):.1f} s")


def fill(ledger: Ledger, count: int) -> None:
    now = datetime.now(UTC)
    for start in range(0, count, AT_ONCE):
        rows = []
        for number in range(start, min(count, start + AT_ONCE)):
            draft = make_draft(1_000, at=now - timedelta(days=100 * (1 - number / count)), project=f"p{number % 5}",
                               agent="claude", session=f"s{number // 50}", task=f"task {number // 200}")  # fmt: skip
            rows.append(call_columns(make_call(draft, 1_000), 1_000))
        with ledger.write() as connection:
            connection.execute(insert(calls), rows)
            roll_up(connection, AT_ONCE)


def writes_during(ledger: Ledger, work: Callable[[], object]) -> tuple[float, list[float]]:
    """How long the work took, and each write beside it, in seconds."""
    worker = threading.Thread(target=work)
    took: list[float] = []
    started = time.monotonic()
    worker.start()
    while worker.is_alive():
        took.append(timed(lambda: spend_money(ledger, 1)))
        time.sleep(REST_S)
    worker.join()
    return time.monotonic() - started, took


def drop_for(ledger: Ledger, seconds: float) -> None:
    before, last, end = limit_of(datetime.now(UTC), 60), 0, time.monotonic() + seconds
    while time.monotonic() < end and (rows := droppable(ledger, before, last)):
        with ledger.write() as connection:
            drop(connection, before, rows)
        last = rows[-1]
        time.sleep(BREATH_S)


def timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def show(what: str, figures: tuple[float, list[float]]) -> None:
    lasted, took = figures
    ms = sorted(one * 1000 for one in took)
    p99 = ms[int(len(ms) * 0.99)]
    print(f"{what} ({lasted:.1f} s): {len(ms)} of reserve and settle, median {statistics.median(ms):.1f} ms, "
          f"p99 {p99:.1f} ms, longest {ms[-1]:.1f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
