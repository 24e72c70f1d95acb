"""OpenAI Realtime and Gemini Live through the meter: recorded turns pass unchanged and are metered to the token."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from app.core.call import ApiShape, Basis, Outcome
from app.core.caps import Action
from app.core.key_limits import KeyLimits
from app.core.money import NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.cap_store import add_cap, cap_statuses, remove_cap
from app.ledger.key_store import revoke_key
from app.ledger.meter_state import pause_everything, resume
from app.ledger.session_store import pause_session, resume_session, stop_session
from tests.end2end.meter_process import NewCalls, RunningMeter, meter
from tests.end2end.socket_provider import SocketProvider
from tests.recordings import RecordedSocket, needs_recordings, recorded_sockets

pytestmark = [pytest.mark.end2end, needs_recordings]

REALTIME = "/openai/v1/realtime?model=gpt-realtime"
LIVE = "/gemini/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
PATHS = {ApiShape.OPENAI_REALTIME: REALTIME, ApiShape.GEMINI_LIVE: LIVE}
COUNTS = {"input": "input_tokens", "output": "output_tokens", "cached": "cache_read_tokens"}


@pytest.fixture(scope="module")
def provider_of_sockets() -> Iterator[SocketProvider]:
    with SocketProvider(lambda _message: []).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(provider_of_sockets: SocketProvider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, dict.fromkeys(("openai", "google"), provider_of_sockets.url)) as started:
        yield started


@pytest.fixture
def socket_provider(provider_of_sockets: SocketProvider) -> SocketProvider:
    provider_of_sockets.forget()
    return provider_of_sockets


def replayed(recording: RecordedSocket) -> Callable[[dict[str, Any]], list[str | bytes]]:
    """Answers each message with those that came before the next one, as recorded."""
    answers: list[list[str | bytes]] = []
    for is_sent, data in recording.messages:
        if is_sent:
            answers.append([])
        elif answers:
            answers[-1].append(data.decode())
    left = iter(answers)
    return lambda _message: next(left, [])


@contextmanager
def opened(running: RunningMeter, path: str, *, token: str = "", session: str = "") -> Iterator[ClientConnection]:
    """A socket through the meter."""
    headers = {"Authorization": f"Bearer {token or running.token}", "x-bursar-session": session}
    with connect(running.gateway.replace("http", "ws") + path, additional_headers=headers, proxy=None) as socket:
        yield socket


def chosen() -> list[RecordedSocket]:
    """Two recorded sockets of each shape, of those whose every turn tells its output."""
    sockets = [one for one in recorded_sockets() if one.shape in PATHS and one.expected]
    found = [one for one in sockets if all(turn.get("output") for turn in one.expected)]
    by_shape = {shape: [one for one in found if one.shape is shape][:2] for shape in PATHS}
    return [one for group in by_shape.values() for one in group]


@pytest.mark.parametrize("recording", chosen(), ids=lambda one: one.name)
def test_recorded_turns_pass_unchanged_and_are_metered(
    recording: RecordedSocket, running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    socket_provider.reply = replayed(recording)
    expected = [data for is_sent, data in recording.messages if is_sent]
    answers = sum(1 for is_sent, _ in recording.messages if not is_sent) - _unasked(recording)
    with opened(running, PATHS[recording.shape]) as socket:
        for message in expected:
            socket.send(message.decode())
        heard = [socket.recv() for _ in range(answers)]
    calls = new_calls(len(recording.expected))
    assert [message.encode() if isinstance(message, str) else message for message in socket_provider.heard] == expected
    assert len(heard) == answers
    for call, turn in zip(calls, recording.expected, strict=True):
        told = {name: turn[name] for name in COUNTS if turn.get(name) is not None}
        assert {name: getattr(call.usage, COUNTS[name]) for name in told} == told
        assert told
    assert {(call.api_shape, call.outcome) for call in calls} == {(recording.shape, Outcome.COMPLETED)}


def _unasked(recording: RecordedSocket) -> int:
    """Messages that came before the client said anything."""
    for position, (is_sent, _) in enumerate(recording.messages):
        if is_sent:
            return position
    return len(recording.messages)


@contextmanager
def nothing_left(running: RunningMeter) -> Iterator[None]:
    """A hard cap of a nano-dollar, for the time of the block."""
    cap = add_cap(
        running.ledger,
        scope=Scope.PROJECT,
        scope_key="billing-api",
        window=Window.DAY,
        limit_nano_usd=NANO_PER_USD // 10**9,
        action=Action.BLOCK,
        time_zone="UTC",
    )
    yield
    remove_cap(running.ledger, cap.cap_id)


def test_refused_realtime_turn_is_an_error_event_and_the_socket_goes_on(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    with nothing_left(running), opened(running, REALTIME) as socket:
        socket.send('{"type":"response.create","event_id":"event_7"}')
        told = json.loads(socket.recv())
        assert (told["type"], told["error"]["code"], told["error"]["event_id"]) == (
            "error",
            "insufficient_quota",
            "event_7",
        )
        assert "Bursar" in told["error"]["message"]
        socket.send('{"type":"input_audio_buffer.clear"}')
        assert new_calls(1)[0].outcome is Outcome.REFUSED
    assert "response.create" not in str(socket_provider.heard)


def test_refused_live_turn_closes_the_socket_with_our_words(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    """Live has no message for errors; its SDK raises the close frame's reason."""
    with nothing_left(running), opened(running, LIVE) as socket:
        socket.send('{"setup":{"model":"models/gemini-2.5-flash"}}')
        socket.send('{"clientContent":{"turns":[{"parts":[{"text":"hello"}]}],"turnComplete":true}}')
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008
    assert "Bursar" in closed.value.rcvd.reason
    assert new_calls(1)[0].outcome is Outcome.REFUSED
    assert "clientContent" not in str(socket_provider.heard)


def test_turn_that_the_provider_begins_by_itself_is_in_the_ledger_whatever_the_caps_say(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    response = {"id": "resp_1", "object": "realtime.response", "status": "completed", "output": [], "usage": usage}
    events = [{"type": "session.created", "session": {"model": "gpt-realtime"}}]
    events += [{"type": kind, "response": response} for kind in ("response.created", "response.done")]
    socket_provider.reply = lambda _message: [json.dumps(event) for event in events]
    with nothing_left(running), opened(running, REALTIME) as socket:
        socket.send('{"type":"session.update","session":{}}')
        assert [json.loads(socket.recv()) for _ in events] == events
        call = new_calls(1)[0]
        status = next(iter(cap_statuses(running.ledger, datetime.now(UTC))))
    assert (call.usage.input_tokens, call.usage.output_tokens) == (100, 20)
    assert call.cost_nano_usd
    assert status.spent_nano_usd >= call.cost_nano_usd


UNASKED = {
    "id": "resp_2", "object": "realtime.response", "status": "completed", "output": [],
    "usage": {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120},
}  # fmt: skip
CREATED = [{"type": "session.created", "session": {"model": "gpt-realtime"}}]
CREATED += [{"type": "response.created", "response": UNASKED}]


@pytest.mark.parametrize("stop", ["pause", "session pause", "session stop", "key"])
def test_turn_that_the_provider_begins_by_itself_is_booked_after_a_pause_a_stop_and_a_revoked_key(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls, stop: str
) -> None:
    key, token = issue_key(running.ledger, name=f"for {stop}", tags=Tags(project="billing-api"))
    socket_provider.reply = lambda _message: [json.dumps(event) for event in CREATED]
    with opened(running, REALTIME, token=token, session="s-9") as socket:
        socket.send('{"type":"session.update","session":{}}')
        assert [json.loads(socket.recv()) for _ in CREATED] == CREATED
        if stop == "pause":
            pause_everything(running.ledger, "test")
        elif stop == "session pause":
            pause_session(running.ledger, "s-9", by="test")
        elif stop == "session stop":
            stop_session(running.ledger, "s-9", by="test")
        else:
            revoke_key(running.ledger, key.key_id)
        try:
            socket_provider.push(json.dumps({"type": "response.done", "response": UNASKED}))
            socket.recv()
            call = new_calls(1)[0]
        finally:
            resume(running.ledger, "test")
            if stop.startswith("session"):
                resume_session(running.ledger, "s-9")
    assert (call.usage.output_tokens, call.outcome, call.tags.session) == (20, Outcome.COMPLETED, "s-9")
    assert call.tags.virtual_key_id == key.key_id
    assert call.cost_nano_usd


def test_turn_that_the_provider_began_by_itself_and_broke_off_is_in_the_ledger(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    said = [*CREATED, {"type": "response.text.delta", "response_id": "resp_2", "delta": "a" * 400}]
    socket_provider.reply = lambda _message: [json.dumps(event) for event in said]
    with opened(running, REALTIME) as socket:
        socket.send('{"type":"session.update","session":{}}')
        assert [json.loads(socket.recv()) for _ in said] == said
    call = new_calls(1)[0]
    assert (call.outcome, call.cost_basis, call.error_type) == (Outcome.INTERRUPTED, Basis.ESTIMATED, "client_left")
    assert call.cost_nano_usd


@pytest.mark.parametrize(
    ("path", "messages"),
    [
        (REALTIME, ['{"type":"response.create"}']),
        (REALTIME.replace("gpt-realtime", "cheap"), ['{"type":"session.update","session":{"model":"gpt-realtime"}}']),
        (LIVE, ['{"setup":{"model":"models/gemini-2.5-flash"}}']),
        ("/openai/v1/responses", ['{"type":"response.create","model":"gpt-5","input":[]}']),
        ("/openai/v1/responses", ['{"type":"response.create","model":"cheap","input":[],"models":["gpt-5"]}']),
    ],
)
def test_a_key_for_other_models_begins_no_turn_on_a_socket(
    running: RunningMeter, socket_provider: SocketProvider, path: str, messages: list[str]
) -> None:
    name = f"{len(messages[0])} {path}"
    _, token = issue_key(running.ledger, name=name, tags=Tags(), limits=KeyLimits(models=("cheap",)))
    with opened(running, path, token=token) as socket:
        for message in messages:
            socket.send(message)
        try:
            told = str(socket.recv())
        except ConnectionClosed as closed:
            told = closed.rcvd.reason if closed.rcvd is not None else ""
    assert "may not be used for" in told
    assert "It may be used for: cheap" in told
    assert socket_provider.heard == []
