"""A key that ends, by being revoked, replaced or expired, stops a running agent: its next call, one that waits, a
socket that is open. An answer on its way is let through to its end."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Never

import anthropic
import openai
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.core.call import Outcome
from app.core.caps import Action
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import AT_ONCE, issue_key, rotate_key
from app.ledger.approval_store import approve, waiting
from app.ledger.cap_store import add_cap, remove_cap
from app.ledger.key_store import VirtualKey, revoke_key
from tests.end2end.meter_process import NewCalls, RunningMeter, meter, wait_until
from tests.end2end.provider import Answer, Provider, Seen, chat_completion
from tests.end2end.runaway import SPACED_S, Runaway
from tests.end2end.sdks import anthropic_client, openai_client
from tests.end2end.socket_provider import SocketProvider

pytestmark = pytest.mark.end2end


PROMISE_S = 1.0
"""In which a revoked key's agent is stopped."""
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5", "stop_reason": "end_turn",
    "stop_sequence": None, "content": [{"type": "text", "text": "done"}],
    "usage": {"input_tokens": 10, "output_tokens": 5},
}  # fmt: skip


@pytest.fixture(scope="module")
def played() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as started:
        yield started


@pytest.fixture(scope="module")
def played_sockets() -> Iterator[SocketProvider]:
    with SocketProvider(lambda _message: []).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(played: Provider, played_sockets: SocketProvider, module_home: Path) -> Iterator[RunningMeter]:
    upstreams = {
        "openai": played.url,
        "anthropic": played.url,
        "google": played_sockets.url,
        "xai": played_sockets.url,
    }
    keys = {"openai": "sk-real", "anthropic": "sk-ant-real", "google": "AIza-real", "x-ai": "xai-real"}
    with meter(module_home, upstreams, keys=keys) as started:
        yield started


@pytest.fixture
def provider(played: Provider) -> Provider:
    played.seen.clear()
    played.answer = _answer
    return played


@pytest.fixture
def held(running: RunningMeter, request: pytest.FixtureRequest) -> tuple[VirtualKey, str]:
    return issue_key(running.ledger, name=request.node.name, tags=Tags(project="runaway", agent="runaway"))


def _answer(seen: Seen) -> Answer:
    return Answer([json.dumps(MESSAGE).encode()]) if seen.path.startswith("/v1/messages") else chat_completion(10, 5)


def _openai_call(running: RunningMeter, token: str) -> Callable[[], object]:
    client = openai_client(running.gateway, token)
    return lambda: client.chat.completions.create(model="gpt-5-mini", messages=[])


def _anthropic_call(running: RunningMeter, token: str) -> Callable[[], object]:
    client = anthropic_client(running.gateway, token)
    return lambda: client.messages.create(model="claude-haiku-4-5", max_tokens=5, messages=[])


@pytest.mark.parametrize("call", [_openai_call, _anthropic_call])
def test_revoke_stops_a_running_agent_within_a_second(
    running: RunningMeter, provider: Provider, held: tuple[VirtualKey, str], call: Callable[..., Callable[[], object]]
) -> None:
    key, token = held
    before = running.count()
    agent = Runaway(call(running, token))
    agent.start()
    wait_until(lambda: agent.answered >= 5, "an agent at work")
    revoke_key(running.ledger, key.key_id)
    committed, committed_at = time.monotonic(), datetime.now(UTC)
    agent.thread.join(20)
    assert isinstance(agent.error, openai.AuthenticationError | anthropic.AuthenticationError)
    assert "was revoked" in str(agent.error)
    assert agent.refused_at is not None
    assert agent.refused_at - committed < PROMISE_S
    calls = running.calls(before + agent.answered)[before:]
    assert len(calls) == len(provider.seen) == agent.answered
    assert max(one.started_at for one in calls) <= committed_at, "nothing is admitted once the revocation stands"


def test_an_old_token_stops_at_once_and_a_grace_lets_it_go_on(
    running: RunningMeter, provider: Provider, held: tuple[VirtualKey, str], new_calls: NewCalls
) -> None:
    key, first = held
    _, second = rotate_key(running.ledger, key.key_id, timedelta(minutes=10))
    _openai_call(running, first)()
    _openai_call(running, second)()
    _, third = rotate_key(running.ledger, key.key_id)
    for token in (first, second):
        with pytest.raises(openai.AuthenticationError, match=r"does not know|was given a new token"):
            _openai_call(running, token)()
    _openai_call(running, third)()
    assert {(call.tags.virtual_key_id, call.tags.project) for call in new_calls(3)} == {(key.key_id, "runaway")}


def test_a_grace_ends(running: RunningMeter, provider: Provider, held: tuple[VirtualKey, str]) -> None:
    key, first = held
    rotate_key(running.ledger, key.key_id, timedelta(milliseconds=300))
    agent = Runaway(_openai_call(running, first))
    agent.start()
    agent.thread.join(20)
    assert "was given a new token" in str(agent.error)


def test_a_key_expires_while_its_agent_runs(running: RunningMeter, provider: Provider) -> None:
    expires_at = datetime.now(UTC) + timedelta(milliseconds=500)
    key, token = issue_key(running.ledger, name="short", tags=Tags(), expires_at=expires_at)
    before = running.count()
    agent = Runaway(_openai_call(running, token))
    agent.start()
    agent.thread.join(20)
    assert "has expired" in str(agent.error)
    calls = running.calls(before + agent.answered)[before:]
    assert all(call.started_at < expires_at for call in calls if call.tags.virtual_key_id == key.key_id)


@pytest.mark.parametrize("is_approved", [False, True])
def test_a_call_that_waits_is_not_sent_once_its_key_is_revoked(
    running: RunningMeter, provider: Provider, held: tuple[VirtualKey, str], is_approved: bool
) -> None:
    key, token = held
    cap = add_cap(
        running.ledger, scope=Scope.PROJECT, scope_key="runaway", window=Window.TOTAL, limit_nano_usd=1,
        action=Action.PAUSE, time_zone="UTC",
    )  # fmt: skip
    try:
        agent = Runaway(_openai_call(running, token))
        agent.start()
        wait_until(lambda: waiting(running.ledger), "a question")
        revoke_key(running.ledger, key.key_id)
        if is_approved and (asked := waiting(running.ledger)):
            approve(running.ledger, asked[0].approval_id, by="me")
        agent.thread.join(20)
        assert "was revoked" in str(agent.error)
        wait_until(lambda: not waiting(running.ledger), "the question to be closed")
        assert provider.seen == []
    finally:
        remove_cap(running.ledger, cap.cap_id)


def test_an_answer_on_its_way_comes_to_its_end(
    running: RunningMeter, provider: Provider, held: tuple[VirtualKey, str], new_calls: NewCalls
) -> None:
    key, token = held
    revoked = threading.Event()

    def hold(number: int) -> None:
        assert number == 0 or revoked.wait(20)

    chunk = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-5-mini","choices":[]%b}\n\n'
    usage = b',"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}'
    stream = [chunk % b"", chunk % usage, b"data: [DONE]\n\n"]
    provider.answer = lambda _seen: Answer(
        stream, headers={"content-type": "text/event-stream"}, before_each_chunk=hold
    )
    client = openai_client(running.gateway, token)
    answer = client.chat.completions.create(
        model="gpt-5-mini", messages=[], stream=True, stream_options={"include_usage": True}
    )
    pieces = iter(answer)
    next(pieces)
    revoke_key(running.ledger, key.key_id)
    with pytest.raises(openai.AuthenticationError):
        _openai_call(running, token)()
    revoked.set()
    assert list(pieces)[-1].usage is not None
    [call] = new_calls(1)
    assert (call.outcome, call.usage.output_tokens) == (Outcome.COMPLETED, 5)
    assert call.cost_nano_usd


@pytest.mark.parametrize("end", ["revoked", "replaced"])
def test_an_open_socket_is_closed_with_what_its_client_says_next(
    running: RunningMeter, played_sockets: SocketProvider, held: tuple[VirtualKey, str], end: str
) -> None:
    """Speech makes a provider answer unasked, so a key that has ended must not be able to go on speaking."""
    key, token = held
    played_sockets.forget()
    played_sockets.reply = lambda message: [json.dumps({"type": "session.updated"})] if "session" in message else []
    headers = {"Authorization": f"Bearer {token}"}
    url = running.gateway.replace("http", "ws") + "/xai/v1/realtime?model=grok-voice"
    with connect(url, additional_headers=headers, proxy=None) as socket:
        socket.send('{"type": "session.update", "session": {"turn_detection": null}}')
        socket.recv()
        if end == "revoked":
            revoke_key(running.ledger, key.key_id)
        else:
            rotate_key(running.ledger, key.key_id, AT_ONCE)
        with pytest.raises(ConnectionClosed) as closed:
            _speak_on(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert closed.value.rcvd.reason.startswith(f"Key {end}.")


def _speak_on(socket: ClientConnection) -> Never:
    while True:
        socket.send('{"type": "input_audio_buffer.append", "audio": "AAAA"}')
        time.sleep(SPACED_S)
