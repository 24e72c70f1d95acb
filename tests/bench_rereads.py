"""What telling re-reads costs: `python -m tests.bench_rereads`.

On the meter's event loop: reading a request of a long conversation, and the share that cutting it into pieces takes. In
the process that writes the ledger: settling a call of such a conversation, and finding and writing what it sent again.
Times are the processor's, so that other work on the machine counts little.
"""

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from app.core.call import ApiShape, Call
from app.core.exchange import RequestFacts, ResponseFacts
from app.core.tags import Tags
from app.core.usage import Usage
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger, open_ledger
from app.ledger.group_writer import Desk
from app.ledger.settlement import settle
from proxy_addon.rereads import book_input
from proxy_addon.shapes import shape_for
from proxy_addon.shapes.blocks import Pieces, input_pieces
from tests.ledger.bookkeeping import make_call, make_draft, reserve

SIZES = (10, 100, 1_000)
ROUNDS = 30
TURN = "some words of a turn " * 20
TOOLS = [{"name": f"tool{number}", "description": "what it does " * 60, "input_schema": {}} for number in range(40)]
MODEL = "claude-opus-4-8"
TAGS = Tags(session="s", virtual_key_id="k")


def main() -> None:
    """Measure and print."""
    print("messages   body     read request  of it pieces   settle   re-read written")
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            ledger = open_ledger(Path(folder) / f"{size}.sqlite", checkpoints=True)
            body = json.dumps(_body(size)).encode()
            reading, cutting = _milliseconds(_facts, body), _milliseconds(_pieces, json.loads(body))
            settling, telling = _written(ledger, size)
            ledger.close()
            print(
                f"{size:8,} {len(body) / 1_000:6,.0f} kB {reading:10.2f} ms {cutting:10.2f} ms"
                f" {settling:8.2f} ms {telling:10.2f} ms"
            )


def _body(messages: int) -> dict[str, Any]:
    turns = [
        {"role": "user" if number % 2 == 0 else "assistant", "content": [{"type": "text", "text": f"{number} {TURN}"}]}
        for number in range(messages)
    ]
    system = [{"type": "text", "text": "be good " * 2_000, "cache_control": {"type": "ephemeral"}}]
    return {"model": MODEL, "max_tokens": 100, "tools": TOOLS, "system": system, "messages": turns}


def _facts(body: bytes) -> RequestFacts:
    return shape_for(ApiShape.ANTHROPIC_MESSAGES).read_request("", {}, body)


def _pieces(members: dict[str, Any]) -> Pieces:
    return input_pieces(members, ("system", "messages"), lambda _: True)


def _milliseconds[T](work: Callable[[T], object], given: T) -> float:
    times = []
    for _ in range(ROUNDS):
        started = time.thread_time()
        work(given)
        times.append(time.thread_time() - started)
    return median(times) * 1_000


def _written(ledger: Ledger, messages: int) -> tuple[float, float]:
    """Milliseconds of settling a call, and of telling what it sent again, each call one turn longer."""
    settling, telling = [], []
    at = datetime.now(UTC)
    for turn in range(ROUNDS):
        facts = _facts(json.dumps(_body(messages + 2 * turn)).encode())
        usage = Usage(150_000, 10, cache_read_tokens=140_000, cache_write_tokens=5_000)
        answer = ResponseFacts(usage=usage, response_model=MODEL, is_final=True)
        call = _call(ledger, at + timedelta(seconds=turn), usage)
        with ledger.write() as connection:
            desk = Desk(connection, read_caps(connection), ledger)
            begun = time.thread_time()
            settle(connection, desk.caps, call, at)
            settled = time.thread_time()
            book_input(desk, call, facts, answer, host="", account=b"account1")
            told = time.thread_time()
        settling.append(settled - begun)
        telling.append(told - settled)
    return median(settling) * 1_000, median(telling) * 1_000


def _call(ledger: Ledger, at: datetime, usage: Usage) -> Call:
    draft = make_draft(10**9, at=at, model=MODEL, tags=TAGS)
    assert reserve(ledger, draft).is_admitted
    return replace(make_call(draft, 10**9), usage=usage)


if __name__ == "__main__":
    main()
