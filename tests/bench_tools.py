"""What watching tool calls costs the meter: `python -m tests.bench_tools`.

Streams the same events through the tap as it is and through one that does not look for tools, for words and for the
arguments of tool calls, and reads requests of a long conversation with and without their results. Then it books tool
calls as the writer does, in a ledger that holds many already, and sums them. Prints microseconds, the best of
some rounds, and what tools add.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from app.core.tags import Tags
from app.core.tool_call import ToolOutcome
from app.ledger.engine import open_ledger
from app.ledger.tool_booking import ToolNews, book_tools
from app.ledger.tool_store import tool_sums, tools_of_call
from proxy_addon.shapes import anthropic_messages, openai_chat, openai_responses, shape_for
from proxy_addon.tap import Tap
from tests.ledger.bookkeeping import make_call, make_draft
from tests.ledger.tooling import START, result, use

EVENTS, ROUNDS, BOOKED, KEPT = 5_000, 15, 300, 100_000
type Made = Callable[[], Callable[[bytes], object]]

_MESSAGES, _CHAT, _RESPONSES = ApiShape.ANTHROPIC_MESSAGES, ApiShape.OPENAI_CHAT, ApiShape.OPENAI_RESPONSES


def _no_watch(_watch: object, _said: object) -> None:
    """Look at nothing."""


def _no_results(*_members: object) -> tuple[()]:
    """Look for nothing."""
    return ()


_WATCHES: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
    (anthropic_messages, "watch_event", _no_watch),
    (openai_chat, "watch_choice", _no_watch),
    (openai_responses, "watch_item", _no_watch),
    *((module, "carried_results", _no_results) for module in (anthropic_messages, openai_chat, openai_responses)),
)


def main() -> None:
    """Measure and print."""
    for what, shape, event in _EVENTS:
        chunks = [_sse(event)] * EVENTS
        head = [_sse(one) for one in _HEADS.get(what, ())]
        _tell(f"tap, {what}", *_side_by_side(partial(_taking, shape), head, chunks))
    for what, shape, body in _bodies():
        times = _side_by_side(partial(_reading, shape), [], [body] * 20)
        _tell(f"request of {len(body) / 1e6:.1f} MB, {what}", *times)
    _booking()


def _taking(shape: ApiShape) -> Callable[[bytes], object]:
    return _tap(shape).tap


def _reading(shape: ApiShape) -> Callable[[bytes], object]:
    return partial(shape_for(shape).read_request, "/v1/messages", {})


def _side_by_side(made: Made, head: list[bytes], chunks: list[bytes]) -> tuple[float, float]:
    """Microseconds a chunk with tools and without, round by round, the best of each."""
    pairs = []
    for _ in range(ROUNDS):
        with_tools = measured(made, head, chunks)
        with _without_tools():
            pairs.append((with_tools, measured(made, head, chunks)))
    return min(one for one, _ in pairs), min(other for _, other in pairs)


def _tell(what: str, with_tools: float, without: float) -> None:
    print(f"{what:44} {with_tools:9.2f} µs, without tools {without:9.2f} µs ({with_tools / without - 1:+.0%})")


def measured(made: Made, head: list[bytes], chunks: list[bytes]) -> float:
    """Microseconds a chunk; `head` comes before and is not counted."""
    take = made()
    for chunk in head:
        take(chunk)
    started = time.perf_counter()
    for chunk in chunks:
        take(chunk)
    return (time.perf_counter() - started) / len(chunks) * 1e6


@contextmanager
def _without_tools() -> Iterator[None]:
    """The shapes as they were before they looked for tools."""
    with ExitStack() as patches:
        for module, name, nothing in _WATCHES:
            patches.enter_context(mock.patch.object(module, name, nothing))
        yield


def _sse(event: dict[str, Any]) -> bytes:
    return f"event: {event.get('type', 'x')}\ndata: {json.dumps(event)}\n\n".encode()


def _tap(shape: ApiShape) -> Tap:
    facts = RequestFacts(model="claude-haiku-4-5", is_stream=True, body_bytes=100)
    return Tap(shape_for(shape).reader(facts, {}), content_type="text/event-stream", content_encoding="")


def _chat(**delta: object) -> dict[str, Any]:
    return {"id": "c", "model": "gpt-5-mini", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


_TEXT = "some words of an answer"
_PIECE = '"path": "src/app/main.py", '
_BLOCK = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
_CALL = {"index": 0, "id": "call_1", "function": {"name": "run", "arguments": ""}}
_EVENTS: tuple[tuple[str, ApiShape, dict[str, Any]], ...] = (
    ("messages, words", _MESSAGES, {"type": "content_block_delta", "index": 0, "delta": {"text": _TEXT}}),
    ("messages, arguments", _MESSAGES, {"type": "content_block_delta", "index": 0, "delta": {"partial_json": _PIECE}}),
    ("chat, words", _CHAT, _chat(content=_TEXT)),
    ("chat, arguments", _CHAT, _chat(tool_calls=[{"index": 0, "function": {"arguments": _PIECE}}])),
    ("responses, words", _RESPONSES, {"type": "response.output_text.delta", "delta": _TEXT}),
)
_HEADS: dict[str, tuple[dict[str, Any], ...]] = {
    "messages, arguments": ({"type": "content_block_start", "index": 0, "content_block": _BLOCK},),
    "chat, arguments": (_chat(tool_calls=[_CALL]),),
}


def _bodies() -> list[tuple[str, ApiShape, bytes]]:
    """Conversations of 200 turns with tools, as agents send them."""
    text = "a line of some file that was read\n" * 60
    messages, items = [], []
    for number in range(200):
        mark = f"id_{number}"
        messages += [
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": mark, "name": "Read", "input": {"n": number}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": mark, "content": text}]},
        ]
        items += [
            {"type": "function_call", "call_id": mark, "name": "read", "arguments": "{}"},
            {"type": "function_call_output", "call_id": mark, "output": text},
        ]
    said = {"model": "claude-haiku-4-5", "max_tokens": 100}
    return [
        ("messages", _MESSAGES, json.dumps(said | {"messages": messages}).encode()),
        ("responses", _RESPONSES, json.dumps({"model": "gpt-5-mini", "input": items}).encode()),
    ]


def _booking() -> None:
    """Two tool calls and two results a call, in a ledger of many; then the sums of all of them."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(Path(folder) / "ledger.sqlite", checkpoints=True)
        calls = [_call(number) for number in range(KEPT // 2 + BOOKED)]
        with ledger.write() as connection:
            for number, call in enumerate(calls[: KEPT // 2]):
                book_tools(ledger, connection, call, _news(number))
        started = time.perf_counter()
        with ledger.write() as connection:
            for number, call in enumerate(calls[KEPT // 2 :], start=KEPT // 2):
                book_tools(ledger, connection, call, _news(number))
        each = (time.perf_counter() - started) / BOOKED * 1e6
        print(f"booking 2 tool calls and 2 results, among {KEPT:,}: {each:,.0f} µs a call, in the writer")
        started = time.perf_counter()
        found = tool_sums(ledger, START, START + timedelta(days=300))
        print(f"sums of {found.total.calls:,} tool calls: {time.perf_counter() - started:.2f} s")
        started = time.perf_counter()
        assert len(tools_of_call(ledger, calls[5].call_id)) == 2
        print(f"tools of one call: {(time.perf_counter() - started) * 1e3:.1f} ms")
        ledger.close()


def _news(number: int) -> ToolNews:
    """What the call of this number tells: the results of the one before, and two tool calls."""
    results = tuple(result(f"{number - 1}-{place}", _outcome(number)) for place in range(2))
    uses = tuple(use("Bash", f"{number % 7}", f"{number}-{place}") for place in range(2))
    return ToolNews(results, uses, (), START + timedelta(seconds=number))


def _outcome(number: int) -> ToolOutcome:
    return ToolOutcome.FAILED if number % 10 == 0 else ToolOutcome.SUCCEEDED


def _call(number: int) -> Any:
    tags = Tags(project="p", agent="claude", session=f"s{number // 500}", virtual_key_id="k", task="t")
    return make_call(make_draft(1, at=START + timedelta(seconds=number), tags=tags), 1)


if __name__ == "__main__":
    main()
