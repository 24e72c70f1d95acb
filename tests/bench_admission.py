"""`python -m tests.bench_admission`: what admission costs in a large ledger, against what it costs in a small one.

Two ledgers, one of 100 calls and one of a million, each with the same dozen caps. The same drafts are admitted and
settled in both by turns, so that whatever else the machine does falls on both alike; the ratio of the medians is told.
Exit status 1 when it is above 1.5.
"""

import argparse
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.ledger.engine import Ledger, open_ledger
from tests.ledger.bookkeeping import end, make_draft, reserve, set_cap

MOST = 1.5
ROUNDS = 300
NANO_LIMIT = 10**15
PROJECTS = 50
SESSIONS = 5_000
CAPS = tuple(
    (scope, key, window)
    for scope, key in ((Scope.EVERYTHING, ""), (Scope.PROJECT, "p1"), (Scope.AGENT, "*"), (Scope.TASK, "*"))
    for window in (Window.DAY, Window.MONTH, Window.TOTAL)
)

# A year of calls, one row from the one before it: writing a million by settling would take an hour.
FILL = text("""
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)
    INSERT INTO calls (
        call_id, started_at, provider, api_shape, operation, request_model, response_model, response_id, is_stream,
        outcome, error_type, input_tokens, output_tokens, cost_nano_usd, charged_nano_usd, cost_basis, price_version,
        project, agent, user_name, team, task, session, virtual_key_id)
    SELECT printf('%032x', n), :until - n * 31536000 / :count * 1000000, 'anthropic', 'anthropic.messages', 'chat',
        'opus', 'opus', '', 1, 'completed', '', 1000, 200, 5000000, 5000000, 'table', '',
        'p' || (n % :projects), 'a' || (n % 3), 'me', '', 't' || (n % 200), 's' || (n % :sessions), 'k'
    FROM numbers
""")


def fill(ledger: Ledger, count: int) -> None:
    """Put so many calls into a ledger."""
    until = int(datetime.now(UTC).timestamp() * 1_000_000)
    with ledger.write() as connection:
        connection.execute(FILL, {"count": count, "until": until, "projects": PROJECTS, "sessions": SESSIONS})


def prepared(file: Path, count: int) -> Ledger:
    """A ledger of so many calls with all caps set."""
    ledger = open_ledger(file, checkpoints=True)
    fill(ledger, count)
    for scope, key, window in CAPS:
        set_cap(ledger, NANO_LIMIT, scope=scope, scope_key=key, window=window)
    return ledger


def admission_s(ledger: Ledger, number: int) -> float:
    """Seconds that the admission of one call takes; every tenth is of a task and a session never seen before."""
    name = f"new{number}" if number % 10 == 0 else f"{number % 40}"
    tags = Tags(project="p1", agent="a1", task=f"t{name}", session=f"s{name}", virtual_key_id="k")
    draft = make_draft(1_000, tags=tags)
    begun = time.perf_counter()
    verdict = reserve(ledger, draft)
    took = time.perf_counter() - begun
    assert verdict.is_admitted
    assert end(ledger, draft, 500)
    return took


def measure(folder: Path, small: int, large: int, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each admission in both ledgers."""
    ledgers = prepared(folder / "small.sqlite", small), prepared(folder / "large.sqlite", large)
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(-20, rounds):  # the first ones open the windows of today
        order = (0, 1) if number % 2 else (1, 0)
        for which in order:
            seconds = admission_s(ledgers[which], number)
            if number >= 0:
                took[which].append(seconds)
    for ledger in ledgers:
        ledger.close()
    return took


def main() -> int:
    """Measure and tell. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench_admission", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="in the large ledger")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small, large = measure(Path(folder), 100, given.calls, given.rounds)
    for name, took in (("100", small), (f"{given.calls:,}", large)):
        ordered = sorted(took)
        p99 = ordered[-(-len(ordered) * 99 // 100) - 1]
        print(f"{name:>12} calls: p50 {statistics.median(took) * 1000:6.2f} ms, p99 {p99 * 1000:6.2f} ms, "
              f"mean {statistics.mean(took) * 1000:6.2f} ms")  # fmt: skip
    ratio = statistics.median(large) / statistics.median(small)
    means = statistics.mean(large) / statistics.mean(small)
    print(f"ratio of medians {ratio:.2f}, of means {means:.2f}; above {MOST} is a defect")
    return int(max(ratio, means) > MOST)


if __name__ == "__main__":
    sys.exit(main())
