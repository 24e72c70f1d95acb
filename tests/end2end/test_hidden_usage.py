"""A stream that would hide its usage is metered exactly, and its client sees what it would have seen without us."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.core.call import Basis, Call, Outcome
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import NewCalls, RunningMeter, meter
from tests.end2end.provider import Answer, Provider, Seen, in_pieces
from tests.end2end.sdks import Ear, openai_client

pytestmark = pytest.mark.end2end

HELLO: dict[str, Any] = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "hello"}], "stream": True}
EVENTS = {"content-type": "text/event-stream"}
WORDS = (
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-5-mini","choices":[{"index":0,"delta":{"content":'
    b'"Hi"},"finish_reason":null}],"usage":null}\n\n'
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-5-mini","choices":[{"index":0,"delta":{},'
    b'"finish_reason":"stop"}],"usage":null}\n\n'
)
USAGE = (
    b'data: {"id":"c1","object":"chat.completion.chunk","model":"gpt-5-mini","choices":[],"usage":{"prompt_tokens":120,'
    b'"completion_tokens":30,"total_tokens":150}}\n\n'
)
DONE = b"data: [DONE]\n\n"
REJECTED = b'{"error":{"message":"Unrecognized request argument supplied: stream_options"}}'


@pytest.fixture(scope="module")
def unasked() -> Iterator[Provider]:
    with Provider(lambda _seen: Answer([b"{}"], status=500)).running() as served:
        yield served


@pytest.fixture(scope="module")
def running(unasked: Provider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, {"openai": unasked.url}) as served:
        yield served


@pytest.fixture
def provider(unasked: Provider) -> Provider:
    unasked.seen.clear()
    return unasked


def asks(seen: Seen) -> bool:
    """Whether a request asks for its usage."""
    return bool((json.loads(seen.body).get("stream_options") or {}).get("include_usage"))


def streamed(seen: Seen) -> Answer:
    """What OpenAI streams."""
    body = WORDS + (USAGE if asks(seen) else b"") + DONE
    return Answer(in_pieces(body), headers=EVENTS)


def check_metered(call: Call) -> None:
    """The call in the ledger is the provider's bill: 120 tokens at $0.25 and 30 at $2 per million."""
    assert (call.usage.input_tokens, call.usage.output_tokens) == (120, 30)
    assert (call.cost_nano_usd, call.cost_basis, call.outcome) == (90_000, Basis.TABLE, Outcome.COMPLETED)


def test_sdk_that_did_not_ask_sees_no_usage_and_the_ledger_does(
    provider: Provider, running: RunningMeter, new_calls: NewCalls
) -> None:
    provider.answer = streamed
    ear = Ear()
    chunks = list(openai_client(running.gateway, running.token, ear).chat.completions.create(**HELLO))
    assert ear.heard == WORDS + DONE
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert provider.seen[0].headers["accept-encoding"] == "identity"
    check_metered(*new_calls(1))


def test_client_that_asked_gets_everything_and_its_request_is_not_touched(
    provider: Provider, running: RunningMeter, new_calls: NewCalls
) -> None:
    provider.answer = streamed
    body = json.dumps(HELLO | {"stream_options": {"include_usage": True}}).encode()
    _status, _headers, heard = post(running, CHAT, body, headers={"accept-encoding": "br"})
    assert heard == WORDS + USAGE + DONE
    assert provider.seen[0].body == body
    assert provider.seen[0].headers["accept-encoding"] == "br"
    check_metered(*new_calls(1))


def test_request_in_gzip_and_an_answer_in_gzip_all_the_same(
    provider: Provider, running: RunningMeter, new_calls: NewCalls
) -> None:
    """A server that compresses though we asked it not to: the client gets the plain text, under a true header."""

    def compressed(seen: Seen) -> Answer:
        packed = gzip.compress(streamed(seen).body)
        return Answer(in_pieces(packed), headers=EVENTS | {"content-encoding": "gzip"})

    provider.answer = compressed
    packed = gzip.compress(json.dumps(HELLO).encode())
    _status, headers, heard = post(running, CHAT, packed, headers={"content-encoding": "gzip"})
    assert heard == WORDS + DONE
    assert "content-encoding" not in headers
    assert "content-encoding" not in provider.seen[0].headers
    check_metered(*new_calls(1))


def test_server_that_rejects_the_question_answers_the_request_as_it_came(
    provider: Provider, running: RunningMeter, new_calls: NewCalls
) -> None:
    def strict(seen: Seen) -> Answer:
        return Answer([REJECTED], status=400) if b"stream_options" in seen.body else streamed(seen)

    provider.answer = strict
    body = json.dumps(HELLO | {"model": "gpt-5-nano"}).encode()
    for _ in range(2):
        status, headers, heard = post(running, CHAT, body)
        assert (status, headers["content-type"], heard) == (200, "text/event-stream", WORDS + DONE)
    calls = new_calls(2)
    rejected, first, second = provider.seen  # the second call is not asked again
    assert b"stream_options" in rejected.body
    assert (first.body, second.body) == (body, body)
    assert first.headers["authorization"] == "Bearer sk-real"
    assert [call.outcome for call in calls] == [Outcome.COMPLETED] * 2
    assert {call.cost_basis for call in calls} == {Basis.ESTIMATED}
    assert all(call.cost_nano_usd for call in calls)


def test_other_errors_go_on_as_they_are(provider: Provider, running: RunningMeter, new_calls: NewCalls) -> None:
    provider.answer = lambda _seen: Answer([b'{"error":{"message":"No such model"}}'], status=400)
    status, _headers, heard = post(running, CHAT, json.dumps(HELLO).encode())
    assert (status, heard) == (400, b'{"error":{"message":"No such model"}}')
    assert len(provider.seen) == 1
    assert new_calls(1)[0].cost_nano_usd == 0


def test_server_that_goes_away_after_it_rejected_is_told_as_such(
    provider: Provider, running: RunningMeter, new_calls: NewCalls
) -> None:
    def gone(seen: Seen) -> Answer:
        return Answer([REJECTED], status=400) if asks(seen) else Answer([b"data: "], breaks_off=True, headers=EVENTS)

    provider.answer = gone
    status, _headers, _heard = post(running, CHAT, json.dumps(HELLO | {"model": "gpt-5"}).encode())
    assert status == 502
    call = new_calls(1)[0]
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "provider_broke_off")
    assert call.cost_nano_usd
