"""How long review, explanation, comparison and a back-test take over a month of a million calls.

`python -m tests.bench_insight [--calls 1000000] [--keep FOLDER]` fills a ledger by plain inserts: 20,000 tasks of 50
calls, eight at a time, as agents at work make them. It rolls them up as the meter does, then prints the median of three
runs of each question, in seconds, the reading from the ledger included.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import batched
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import insert

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.call_sum import Account
from app.core.caps import Cap
from app.core.tags import Scope, Tags
from app.core.usage import Usage
from app.core.windows import Window
from app.insight.back_test import back_test
from app.insight.explain import explain
from app.insight.rates import rate_card
from app.insight.review import review
from app.insight.sides import side_of
from app.ledger.accounts import account_between, account_of_task
from app.ledger.day_counts import day_counts
from app.ledger.engine import Ledger, open_ledger
from app.ledger.every_call import costed_calls
from app.ledger.rollup import roll_up
from app.ledger.rows import call_columns
from app.ledger.tables import calls

END = datetime(2026, 11, 30, tzinfo=UTC)
MONTH = timedelta(days=28)
CALLS_A_TASK = 50
AT_A_TIME = 8
ROLLED_AT_ONCE = 1_000
_AGENTS = ("claude", "codex", "gemini", "nightly")
_MODELS = (("anthropic", "claude-opus-4-8"), ("openai", "gpt-5.4"), ("google", "gemini-2.5-pro"))


def made_calls(count: int, end: datetime = END) -> Iterator[dict[str, Any]]:
    """Calls of tasks that are done one after the other, eight at a time, over the month up to `end`, as rows."""
    chance = Random(7)
    for number in range(count):
        task = number // (CALLS_A_TASK * AT_A_TIME) * AT_A_TIME + chance.randrange(AT_A_TIME)
        provider, model = _MODELS[task % 3]
        given, made = chance.randrange(1_000, 100_000), chance.randrange(10, 4_000)
        call = Call(
            call_id=f"{number:032x}",
            started_at=end - MONTH + MONTH * number / count,
            provider=provider,
            api_shape=ApiShape.OPENAI_RESPONSES,
            operation="chat",
            request_model=model,
            tags=Tags(
                project=f"project {task % 12}",
                agent=_AGENTS[task % 4],
                user="ann",
                task=f"task {task}",
                session=f"{task}",
            ),
            outcome=Outcome.FAILED if number % 97 == 0 else Outcome.COMPLETED,
            usage=Usage(input_tokens=given, output_tokens=made, cache_read_tokens=given // 2),
            cost_nano_usd=given * 5_000 + made * 25_000,
            cost_basis=Basis.TABLE,
            response_model=model,
            response_id=f"resp_{number}",
        )
        yield call_columns(call, call.cost_nano_usd or 0)


def fill(ledger: Ledger, count: int, end: datetime = END) -> None:
    for some in batched(made_calls(count, end), 20_000):
        with ledger.write() as connection:
            connection.execute(insert(calls), list(some))


def roll_all_up(ledger: Ledger) -> list[float]:
    """As the meter does, a batch in a transaction. Gives how many seconds each batch took."""
    took, rolled = [], ROLLED_AT_ONCE
    while rolled:
        began = time.perf_counter()
        with ledger.write() as connection:
            rolled = roll_up(connection, ROLLED_AT_ONCE)
        took.append(time.perf_counter() - began)
    return took


def median_s(ask: Callable[[], object], runs: int = 3) -> float:
    """Seconds that a question takes, the median of so many times."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def questions(ledger: Ledger) -> dict[str, Callable[[], object]]:
    start, half = END - MONTH, END - MONTH / 2

    def month_review() -> object:
        now = account_between(ledger, start, END)
        return review(now, Account(), rate_card(now.sums, END))

    def week_review() -> object:
        week = timedelta(days=7)
        now, before = account_between(ledger, half, half + week), account_between(ledger, half - week, half)
        return review(now, before, rate_card((*now.sums, *before.sums), END))

    def explanation() -> object:
        mine, others = account_of_task(ledger, "task 5"), account_between(ledger, start, END, agent="codex")
        card = rate_card([*mine.sums, *others.sums], END)
        return explain(side_of(mine, card), side_of(others, card, tasks=500))

    def simulation() -> object:
        cap = Cap("c", Scope.PROJECT, "project 3", Window.DAY, 10**12)
        return back_test(cap, costed_calls(ledger, start, Scope.PROJECT, "project 3"))

    return {
        "review of the month": month_review,
        "review of a week": week_review,
        "explain a task against typical": explanation,
        "compare the month": lambda: day_counts(ledger, start),
        "simulate a cap on one project": simulation,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder to keep the ledger in for the next time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = (arguments.keep or Path(folder)) / f"ledger-{arguments.calls}.sqlite"
        is_new = not file.exists()
        ledger = open_ledger(file, checkpoints=True)
        if is_new:
            fill(ledger, arguments.calls)
        if took := roll_all_up(ledger)[:-1]:
            print(f"roll up {ROLLED_AT_ONCE:,} calls: {statistics.median(took) * 1000:.1f} ms, "
                  f"{max(took) * 1000:.1f} ms at worst")  # fmt: skip
        for name, ask in questions(ledger).items():
            print(f"{name}: {median_s(ask):.2f} s", flush=True)
        ledger.close()


if __name__ == "__main__":
    main()
