"""What another process does to a ledger: `python -m tests.ledger.other_process TASK FILE ...`.

Each task prints one line when it is where the test wants it, and ends when its standard input closes or it is done.
"""

import json
import random
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from app.core.errors import LedgerError
from app.core.reservations import Draft, Refusal
from app.ledger.approval_store import ask
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import InstanceLock, pause_everything, register_meter
from app.ledger.tables import totals
from tests.ledger.bookkeeping import end, make_draft, reserve

HOLD = 20_000
THREADS = 10


def main() -> None:
    task, file, *more = sys.argv[1:]
    ledger = open_ledger(Path(file))
    tasks: dict[str, Callable[..., None]] = {
        "increment": increment,
        "race": race,
        "meter": run_meter,
        "lock": hold_lock,
        "write": write_on_demand,
        "open": say,
    }
    tasks[task](ledger, *more)
    ledger.close()


def say(ledger: Ledger, word: str = "ready") -> None:
    print(word, flush=True)  # noqa: T201


def increment(ledger: Ledger, times: str) -> None:
    """Read a number, write it back larger: lost as soon as two writers read the same one."""
    for _ in range(int(times)):
        with ledger.write() as connection:
            seen = connection.execute(select(totals.c.posted_nano_usd)).scalar_one()
            connection.execute(update(totals).values(posted_nano_usd=seen + 1))


def race(ledger: Ledger, seed: str) -> None:
    """Spend in many threads until nothing fits any more; tell what was spent."""
    spent = [0] * THREADS
    threads = [
        threading.Thread(target=_spend_all, args=(ledger, random.Random(f"{seed}/{number}"), spent, number))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(ledger, json.dumps(sum(spent)))


def _spend_all(ledger: Ledger, chance: random.Random, spent: list[int], number: int) -> None:
    while True:
        draft = make_draft(HOLD)
        try:
            verdict = reserve(ledger, draft)
        except LedgerError:  # eighty writers: some wait longer than the ledger does
            continue
        if verdict.is_admitted:
            cost = chance.randint(0, HOLD)
            spent[number] += cost
            _settle(ledger, draft, cost)
        elif verdict.obstacles[0].refusal is Refusal.EXHAUSTED:
            return
        else:
            time.sleep(chance.uniform(0.02, 0.1))


def _settle(ledger: Ledger, draft: Draft, cost: int) -> None:
    while True:
        try:
            end(ledger, draft, cost)
        except LedgerError:
            continue
        return


def run_meter(ledger: Ledger, calls: str) -> None:
    """A meter with calls on their way and a question to a person, for ever."""
    lock = InstanceLock(ledger)
    register_meter(ledger, lock.instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")
    for _ in range(int(calls)):
        assert reserve(ledger, make_draft(HOLD, project="p"), instance=lock.instance_id).is_admitted
    too_much = make_draft(10**12)
    obstacle = reserve(ledger, too_much, instance=lock.instance_id).obstacles[0]
    with ledger.write() as connection:
        ask(connection, too_much, obstacle, lock.instance_id, datetime.now(UTC) + timedelta(hours=1))
    say(ledger, lock.instance_id)
    sys.stdin.read()


def hold_lock(ledger: Ledger) -> None:
    with ledger.write():
        say(ledger)
        sys.stdin.read()


def write_on_demand(ledger: Ledger) -> None:
    """Commit something, once for each line on standard input."""
    say(ledger)
    for _ in sys.stdin:
        pause_everything(ledger, by="other process")
        say(ledger)


if __name__ == "__main__":
    main()
