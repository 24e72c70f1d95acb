"""How a call's own cost is shared among its parts: the meter without a wire, in one process, each part timed by the
processor's clock of its thread."""

import asyncio
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from app.keys.vault import FixedVault
from app.ledger.engine import Ledger, open_ledger
from proxy_addon.budget import Budget
from proxy_addon.gate import Gate
from proxy_addon.identify import caller_of
from proxy_addon.keyring_cache import ProviderKeys
from proxy_addon.meter import Cleared, Meter
from proxy_addon.request import Request
from proxy_addon.routes import Route, Routes
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap
from tests.bench.load import Bodies
from tests.bench.scripted import WHOLE_BODY
from tests.bench.targets import furnish
from tests.threaded_recorder import ThreadedRecorder, settled

PARTS: dict[str, tuple[str, ...]] = {
    "parsing the request": ("proxy_addon.judging._read",),
    "parsing the answer": ("proxy_addon.tap.Tap.tap", "proxy_addon.tap.Tap.finish"),
    "pricing": ("proxy_addon.request.output_quote", "app.pricing.bound._most_usd", "proxy_addon.ending.price_call"),
    "key and admission": ("proxy_addon.holders.KeyCheck.__call__", "proxy_addon.gate_operations.admit"),
    "settlement": ("proxy_addon.ending.settle",),
    "tools, re-reads, loops": (
        "proxy_addon.ending.book_tools",
        "proxy_addon.ending.book_input",
        "proxy_addon.loop_watch.LoopWatch.look_at",
    ),
    "headers for the agent": ("proxy_addon.exchange.Exchange.told_headers",),
    "between meter and writer": (
        "proxy_addon.recorder.packed",
        "proxy_addon.writer.packed",
        "proxy_addon.packets.Unpacker.feed",
    ),
    "transactions, each durable": ("app.ledger.group_writer.GroupWriter.write",),
}
"""What is timed under which name. A part that another calls is its own alone."""
WARM_UP_CALLS = 30


def shares_of(home: Path, calls: int) -> dict[str, float]:
    """Milliseconds of processor that a call of 2 KB takes, by its parts; they add up to the whole."""
    ledger = open_ledger(home / "ledger.sqlite", checkpoints=True)
    try:
        return asyncio.run(_shares(ledger, calls))
    finally:
        ledger.close()


async def _shares(ledger: Ledger, calls: int) -> dict[str, float]:
    recorder = ThreadedRecorder(ledger)
    keys = ProviderKeys(FixedVault({"anthropic": "sk-ant-bench"}), recorder.post)
    meter = Meter(recorder, Gate(recorder, "bench"), keys, Budget(ledger))
    route = Routes({"anthropic": "http://127.0.0.1:1"}).by_prefix("POST", "/anthropic/v1/messages")
    assert route is not None
    token, bodies = furnish(ledger), Bodies(2_000)
    spent: dict[str, float] = dict.fromkeys(PARTS, 0.0)
    with _timed(spent):
        for _ in range(WARM_UP_CALLS):
            await _call(meter, route, token, bodies.next())
        await settled(recorder)
        spent.update(dict.fromkeys(spent, 0.0))
        started = time.process_time()
        for _ in range(calls):
            await _call(meter, route, token, bodies.next())
        await settled(recorder)
        whole = time.process_time() - started
        await recorder.stop()
    spent["the rest: deciding, threads"] = max(0.0, whole - sum(spent.values()))
    return {name: seconds * 1000 / calls for name, seconds in spent.items()}


async def _call(meter: Meter, route: Route, token: str, body: bytes) -> None:
    """One call as the wire tells of it, from its request to its answer's end."""
    headers = {"x-api-key": token, "content-type": "application/json", "host": "127.0.0.1"}
    request = Request(route, headers, body, caller_of(headers), is_client_gone=lambda: False)
    decision = await meter.decide(request)
    assert isinstance(decision, Cleared)
    exchange = decision.exchange
    assert exchange is not None
    exchange.status_code = 200
    reader = shape_for(route.api_shape).reader(exchange.facts, {})
    exchange.tap = Tap(reader, content_type="application/json", content_encoding="")
    exchange.tap.tap(WHOLE_BODY)
    await exchange.wait_told()
    exchange.told_headers()
    exchange.end_complete(meter.recorder)


@contextmanager
def _timed(spent: dict[str, float]) -> Iterator[None]:
    """Add up under each name the seconds of processor that its functions take."""
    inner = threading.local()
    with ExitStack() as stack:
        for name, functions in PARTS.items():
            for dotted in functions:
                place, _, attribute = dotted.rpartition(".")
                owner = pkgutil.resolve_name(place)
                timed = _wrapped(getattr(owner, attribute), name, spent, inner)
                stack.enter_context(mock.patch.object(owner, attribute, timed))
        yield


def _wrapped(
    function: Callable[..., Any], name: str, spent: dict[str, float], inner: threading.local
) -> Callable[..., Any]:
    """`inner.taken` is what parts have taken so far that the running one called."""

    def timed(*arguments: Any, **named: Any) -> Any:
        outer, inner.taken = getattr(inner, "taken", 0.0), 0.0
        started = time.thread_time()
        try:
            return function(*arguments, **named)
        finally:
            took = time.thread_time() - started
            spent[name] += took - inner.taken
            inner.taken = outer + took

    return timed
