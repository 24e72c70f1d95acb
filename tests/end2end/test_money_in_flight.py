"""Money while an answer flows: settled at its usage, grown, cut when nothing is left, lowered to fit, stopped."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import openai
import pytest

from app.core.call import Outcome
from app.core.caps import Action, Cap, Hold
from app.core.money import NANO_PER_CENT
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.cap_store import CapStatus, add_cap, cap_statuses
from app.ledger.session_store import stop_session
from app.ledger.verification import verify_ledger
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Answer, Provider, Seen, chat_completion
from tests.end2end.sdks import openai_client

pytestmark = pytest.mark.end2end

MODEL = "gpt-5-mini"  # $0.25 for a million tokens in, $2 for a million out
NANO_PER_OUTPUT = 2_000
STREAM = {"content-type": "text/event-stream"}


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    with meter(home, {"openai": provider.url}) as started:
        yield started


def _cap(running: RunningMeter, limit: int, hold: Hold = Hold.STRICT, action: Action = Action.BLOCK) -> Cap:
    return add_cap(
        running.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL, limit_nano_usd=limit,
        action=action, time_zone="UTC", hold=hold,
    )  # fmt: skip


def _status(running: RunningMeter) -> CapStatus:
    return cap_statuses(running.ledger, datetime.now(UTC))[0]


def _event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _text(text: str) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return _event({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]})


def _usage(given: int, made: int) -> bytes:
    usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return _event(head | {"choices": [], "usage": usage})


def _ask(running: RunningMeter, limit: int = 100_000) -> httpx2.Response:
    """A streamed call that takes whatever comes, to its end or to where it is cut."""
    body = {
        "model": MODEL, "stream": True, "stream_options": {"include_usage": True}, "max_completion_tokens": limit,
        "messages": [{"role": "user", "content": "hello"}],
    }  # fmt: skip
    headers = {"authorization": f"Bearer {running.token}", "x-bursar-session": "s1"}
    with httpx2.Client(timeout=30, trust_env=False) as client:
        return client.post(f"{running.gateway}/openai/v1/chat/completions", json=body, headers=headers)


def _learn(running: RunningMeter, provider: Provider, tokens: int) -> None:
    """Twenty calls of the same agent and model that answered with so many tokens."""
    provider.answer = lambda _seen: chat_completion(10, tokens)
    client = openai_client(running.gateway, running.token)
    for _ in range(20):
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x"}])
    running.calls(20)


class _Gate:
    """Lets the provider go on with its answer when the test says so."""

    def __init__(self, at: int) -> None:
        self.opened = threading.Event()
        self._at = at

    def __call__(self, number: int) -> None:
        if number == self._at:
            self.opened.wait(20)


def _streaming(chunks: list[bytes], gate: Callable[[int], None] = lambda _number: None) -> Callable[[Seen], Answer]:
    return lambda _seen: Answer(chunks, headers=dict(STREAM), before_each_chunk=gate)


def test_what_was_not_needed_is_free_while_the_stream_still_runs(running: RunningMeter, provider: Provider) -> None:
    _cap(running, 30 * NANO_PER_CENT)
    gate = _Gate(2)
    provider.answer = _streaming([_text("hi"), _usage(10, 100), b"data: [DONE]\n\n"], gate)
    call = threading.Thread(target=_ask, args=(running,))
    call.start()
    try:
        running.calls(1)
        status = _status(running)
        assert (status.spent_nano_usd, status.held_nano_usd) == (10 * 250 + 100 * NANO_PER_OUTPUT, 0)
    finally:
        gate.opened.set()
        call.join()
    assert running.count() == 1


def test_a_learned_hold_lets_more_calls_run_and_grows_with_the_answer(
    running: RunningMeter, provider: Provider
) -> None:
    _learn(running, provider, 1_500)
    _cap(running, 12 * NANO_PER_CENT, Hold.LEARNED)  # a worst case is 20 cents
    before = _status(running).spent_nano_usd
    gate = _Gate(8)
    provider.answer = _streaming([*[_text("a" * 1_000)] * 10, _usage(10, 4_000), b"data: [DONE]\n\n"], gate)
    answers: list[httpx2.Response] = []
    call = threading.Thread(target=lambda: answers.append(_ask(running)))
    call.start()
    try:
        wait_until(lambda: _status(running).held_nano_usd > 5_000 * NANO_PER_OUTPUT, "the hold to grow")
        assert _status(running).held_nano_usd < 10 * NANO_PER_CENT
    finally:
        gate.opened.set()
        call.join()
    assert answers[0].text.endswith("data: [DONE]\n\n")
    running.calls(21)
    assert _status(running).spent_nano_usd - before == 10 * 250 + 4_000 * NANO_PER_OUTPUT
    assert verify_ledger(running.ledger).differences == ()


def test_an_answer_is_cut_when_more_is_denied_and_what_is_sent_again_is_refused(
    running: RunningMeter, provider: Provider
) -> None:
    _learn(running, provider, 1_500)
    spent = 20 * (10 * 250 + 1_500 * NANO_PER_OUTPUT)
    _cap(running, spent + 2 * NANO_PER_CENT, Hold.LEARNED, Action.PAUSE)
    provider.answer = _streaming([_text("a" * 1_000)] * 2_000, lambda _number: time.sleep(0.005))  # as a model writes
    seen = len(provider.seen)
    with pytest.raises(httpx2.HTTPError):
        _ask(running)
    cut = running.calls(21)[-1]
    assert (cut.outcome, cut.error_type) == (Outcome.INTERRUPTED, "cap_cut")
    status = _status(running)
    assert status.held_nano_usd == 0
    assert status.spent_nano_usd <= status.limit_nano_usd
    for _ in range(3):
        again = _ask(running)
        assert again.status_code == 400
        assert again.headers["x-should-retry"] == "false"
        assert "in the middle of an answer" in again.text
    assert len(provider.seen) == seen + 1
    assert verify_ledger(running.ledger).differences == ()


def test_fit_lowers_the_output_limit_to_what_is_left_and_says_so(running: RunningMeter, provider: Provider) -> None:
    provider.answer = lambda _seen: chat_completion(10, 50)
    _cap(running, NANO_PER_CENT, Hold.FIT)
    client = openai_client(running.gateway, running.token)
    told = client.chat.completions.with_raw_response.create(
        model=MODEL, max_completion_tokens=100_000, messages=[{"role": "user", "content": "hello"}]
    )
    sent = json.loads(provider.seen[0].body)["max_completion_tokens"]
    assert told.headers["x-bursar-output-limit"] == str(sent)
    assert 1_024 <= sent <= NANO_PER_CENT // NANO_PER_OUTPUT
    assert provider.seen[0].body.replace(str(sent).encode(), b"100000").count(b"100000") == 1
    running.calls(1)
    assert _status(running).spent_nano_usd <= NANO_PER_CENT


def test_fit_refuses_when_not_even_a_short_answer_fits(running: RunningMeter, provider: Provider) -> None:
    _cap(running, 1_000 * NANO_PER_OUTPUT, Hold.FIT)
    with pytest.raises(openai.BadRequestError, match="is reached"):
        openai_client(running.gateway, running.token).chat.completions.create(
            model=MODEL, max_completion_tokens=100_000, messages=[{"role": "user", "content": "hello"}]
        )
    assert provider.seen == []


def test_a_stopped_session_ends_at_once_and_is_refused(running: RunningMeter, provider: Provider) -> None:
    gate = _Gate(1)
    provider.answer = _streaming([_text("hi"), _usage(10, 100)], gate)
    failed: list[Exception] = []

    def ask() -> None:
        try:
            _ask(running)
        except httpx2.HTTPError as error:
            failed.append(error)

    call = threading.Thread(target=ask)
    call.start()
    try:
        wait_until(lambda: provider.seen, "the call to arrive")
        stop_session(running.ledger, "s1", by="test", cuts_streams=True)
        assert running.calls(1)[0].error_type == "stopped"
        call.join(20)
        assert failed
    finally:
        gate.opened.set()
        call.join()
    refused = _ask(running)
    assert refused.status_code == 400
    assert "was stopped" in refused.text
    assert len(provider.seen) == 1
