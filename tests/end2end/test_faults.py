"""Things break; nothing that was sent is lost, and nothing is sent that cannot be recorded."""

import json
import socket
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.core.call import Basis, Outcome
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.engine import open_ledger
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import (
    RunningMeter,
    kill_both,
    meter,
    read_event,
    start_process,
    stop_process,
    wait_until,
)
from tests.end2end.provider import Answer, Provider, chat_completion, in_pieces
from tests.end2end.sdks import openai_client
from tests.faults.cells import cell

pytestmark = pytest.mark.end2end

BODY = b'{"model": "gpt-5-mini", "messages": []}'


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(10, 5)
    with meter(home, {"openai": provider.url}) as started:
        yield started


@cell("F18", "nobody listens", "a call is sent", "502 in JSON, costs nothing")
def test_provider_that_is_down_is_told_in_json_and_costs_nothing(home: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with meter(home, {"openai": f"http://127.0.0.1:{closed.getsockname()[1]}"}) as running:
            status, headers, answer = post(running, CHAT, BODY)
            assert (status, headers["content-type"]) == (502, "application/json")
            assert "could not reach the provider" in json.loads(answer)["error"]["message"]
            (call,) = running.calls(1)
            assert (call.outcome, call.error_type, call.cost_nano_usd) == (Outcome.FAILED, "provider_unreachable", 0)


@cell("F15", "429 with Retry-After", "a call is sent", "passed unchanged, costs nothing")
def test_provider_error_passes_unchanged_and_costs_nothing(running: RunningMeter, provider: Provider) -> None:
    body = b'{"error": {"message": "slow down", "type": "rate_limit"}}'
    headers = {"content-type": "application/json", "retry-after": "7", "x-own": "kept"}
    provider.answer = lambda _seen: Answer([body], status=429, headers=headers)
    status, answered, answer = post(running, CHAT, BODY)
    assert (status, answer, answered["retry-after"], answered["x-own"]) == (429, body, "7", "kept")
    (call,) = running.calls(1)
    assert (call.outcome, call.status_code, call.cost_nano_usd) == (Outcome.FAILED, 429, 0)


@cell("F20", "stream ends without its end", "it is answered", "an estimate stands in the ledger")
def test_stream_cut_in_half_is_in_the_ledger_as_an_estimate(running: RunningMeter, provider: Provider) -> None:
    event = b'data: {"id":"1","model":"gpt-5-mini","choices":[{"index":0,"delta":{"content":"word "}}]}\n\n'
    provider.answer = lambda _seen: Answer(
        in_pieces(event * 20), headers={"content-type": "text/event-stream"}, breaks_off=True
    )
    stream = openai_client(running.gateway, running.token).chat.completions.create(
        model="gpt-5-mini", messages=[{"role": "user", "content": "hello"}], stream=True
    )
    with pytest.raises(Exception, match=r".*"):
        list(stream)
    (call,) = running.calls(1)
    assert (call.outcome, call.cost_basis) == (Outcome.INTERRUPTED, Basis.ESTIMATED)
    assert call.cost_nano_usd


@cell("F21", "client gone", "in the middle of a stream", "interrupted, and in the ledger")
def test_client_that_hangs_up_is_in_the_ledger(running: RunningMeter, provider: Provider) -> None:
    gone = threading.Event()
    provider.answer = lambda _seen: Answer(
        [b'data: {"model":"gpt-5-mini","choices":[{"delta":{"content":"a"}}]}\n\n'] * 3,
        headers={"content-type": "text/event-stream"},
        before_each_chunk=lambda number: _wait(gone) if number == 2 else None,
    )
    stream = openai_client(running.gateway, running.token).chat.completions.create(
        model="gpt-5-mini", messages=[], stream=True
    )
    next(iter(stream))
    stream.close()
    (call,) = running.calls(1)
    gone.set()
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "client_left")


@cell("F21", "client gone", "after the last event", "completed, with all that it used")
def test_client_that_hangs_up_after_the_last_event_has_a_whole_answer(
    running: RunningMeter, provider: Provider
) -> None:
    gone = threading.Event()
    usage = {"input_tokens": 10, "output_tokens": 5}
    last = {"type": "response.completed", "response": {"model": "gpt-5-mini", "status": "completed", "usage": usage}}
    provider.answer = lambda _seen: Answer(
        [b"event: response.completed\ndata: " + json.dumps(last).encode() + b"\n\n", b": idle\n\n"],
        headers={"content-type": "text/event-stream"},
        before_each_chunk=lambda number: _wait(gone) if number == 1 else None,
    )
    stream = openai_client(running.gateway, running.token).responses.create(model="gpt-5-mini", input="", stream=True)
    next(iter(stream))
    stream.close()
    (call,) = running.calls(1)
    gone.set()
    assert (call.outcome, call.error_type, call.usage.output_tokens) == (Outcome.COMPLETED, "", 5)


@cell("F35", "port of somebody else", "a meter starts", "no start, and says so")
def test_port_in_use_is_told_before_anything_starts(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = start_process(home, {}, extra=("--gateway-port", str(taken.getsockname()[1])))
        event = read_event(process)
        assert event["event"] == "failed"
        assert "is in use" in str(event["title"])
        assert process.wait(20) == 3
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


@cell("F36", "no provider's key", "a call is asked for", "401 with the way to add one, nothing sent")
def test_no_provider_key_is_told_with_the_way_to_add_one(home: Path, provider: Provider) -> None:
    with meter(home, {"openai": provider.url}, keys={}) as running:
        status, _headers, answer = post(running, CHAT, BODY)
    assert status == 401
    assert "bursar keys provider set openai" in json.loads(answer)["error"]["message"]
    assert provider.seen == []


@cell("F9", "locked by another program", "a call is asked for", "503 after 5 s, nothing sent")
def test_locked_ledger_is_told_and_nothing_is_sent(running: RunningMeter, provider: Provider) -> None:
    lock = sqlite3.connect(running.ledger.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    try:
        status, headers, answer = post(running, CHAT, BODY)
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    assert (status, headers["retry-after"]) == (503, "5")
    assert "The ledger is busy" in json.loads(answer)["error"]["message"]
    assert provider.seen == []
    assert post(running, CHAT, BODY)[0] == 200


@cell("F9", "locked by another program", "a call is answered", "answered, and written later")
def test_answer_that_came_while_the_ledger_was_locked_is_written_later(
    running: RunningMeter, provider: Provider
) -> None:
    lock = sqlite3.connect(running.ledger.path, isolation_level=None, check_same_thread=False)

    def lock_then_answer(_number: int) -> None:
        lock.execute("BEGIN IMMEDIATE")

    answer = chat_completion(10, 5)
    answer.before_each_chunk = lock_then_answer
    provider.answer = lambda _seen: answer
    assert post(running, CHAT, BODY)[0] == 200
    lock.execute("ROLLBACK")
    lock.close()
    (call,) = running.calls(1)
    assert (call.outcome, call.usage.input_tokens) == (Outcome.COMPLETED, 10)


@cell("F1", "killed with its writer", "a call on its way", "charged at worst by the next meter")
def test_killed_meter_leaves_its_calls_to_the_next(home: Path, provider: Provider) -> None:
    release = threading.Event()
    answer = chat_completion(10, 5)
    answer.before_each_chunk = lambda _number: _wait(release)
    provider.answer = lambda _seen: answer
    first = start_process(home, {"openai": provider.url})
    event = read_event(first)
    ledger = open_ledger(home / "ledger.sqlite")
    _key, token = issue_key(ledger, name="agent", tags=Tags(project="p"))
    running = RunningMeter(first, str(event["gateway"]), str(event["forward"]), ledger, token, home)
    with ThreadPoolExecutor(1) as pool:
        call_made = pool.submit(post, running, CHAT, BODY)
        wait_until(lambda: provider.seen, "the call to be sent")
        kill_both(first)
        assert call_made.exception(20) is not None
    release.set()
    second = start_process(home, {"openai": provider.url})
    assert read_event(second)["event"] == "ready"
    (call,) = running.calls(1)
    assert (call.outcome, call.error_type, call.cost_basis) == (Outcome.INTERRUPTED, "meter_died", Basis.UNPRICED)
    stop_process(second)
    ledger.close()
    for stream in (first.stdin, first.stdout, second.stdout):
        assert stream is not None
        stream.close()


def _wait(event: threading.Event) -> None:
    event.wait(20)
