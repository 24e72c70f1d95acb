"""Turns on a WebSocket are calls: held before they go upstream, metered to the token, refused in the socket's words."""

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from app.core.call import ApiShape, Basis, Outcome
from app.core.caps import Action, Cap
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.approval_store import approve, waiting
from app.ledger.cap_store import add_cap, remove_cap, update_cap
from tests.end2end.bare_http import RESPONSES, post
from tests.end2end.meter_process import NewCalls, RunningMeter, meter, wait_until
from tests.end2end.provider import Provider
from tests.end2end.socket_provider import CLOSE, SocketProvider
from tests.faults.cells import cell
from tests.faults.wire.authority import meddled

pytestmark = pytest.mark.end2end

WORDS = "Grüße, 世界 🌍 " * 900
"""Longer than a frame that mitmproxy would cut, and cut where it hurts: none of it is ASCII alone."""


def create(**members: Any) -> str:
    """A turn as Codex begins it."""
    body = {"type": "response.create", "model": "gpt-5-mini", "stream": True, "input": WORDS} | members
    return json.dumps(body, ensure_ascii=False)


def completed(message: dict[str, Any]) -> list[str | bytes]:
    """Events of one answer: 1,000 tokens in, 400 of them cached, and 50 out."""
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 400},
        "output_tokens": 50,
        "output_tokens_details": {"reasoning_tokens": 20},
        "total_tokens": 1050,
    }
    response = {"id": "resp_1", "object": "response", "model": "gpt-5-mini-2025-08-07", "output": []}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": response | {"status": "in_progress", "usage": None}},
        {"type": "response.output_text.delta", "delta": WORDS},
        {"type": "response.completed", "response": response | {"status": "completed", "usage": usage}},
    ]
    lane = {"stream_id": message["stream_id"]} if "stream_id" in message else {}
    return [json.dumps(event | lane, ensure_ascii=False) for event in events]


@pytest.fixture(scope="module")
def served() -> Iterator[SocketProvider]:
    with SocketProvider(completed).running() as started:
        yield started


@pytest.fixture(scope="module")
def running(served: SocketProvider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, dict.fromkeys(("openai", "anthropic"), served.url)) as started:
        yield started


@pytest.fixture
def socket_provider(served: SocketProvider) -> SocketProvider:
    served.forget()
    served.reply = completed
    return served


@contextmanager
def opened(running: RunningMeter, path: str = "/openai/v1/responses", **more: str) -> Iterator[ClientConnection]:
    """A socket through the meter."""
    url = running.gateway.replace("http", "ws") + path
    headers = {"Authorization": f"Bearer {running.token}", "session-id": "s-1", "User-Agent": "codex_exec/0.169.0"}
    headers |= more
    with connect(url, additional_headers=headers, proxy=None, max_size=None) as socket:
        yield socket


@contextmanager
def tiny_cap(running: RunningMeter, action: Action) -> Iterator[Cap]:
    """A cap that no turn fits in, for the time of the block."""
    cap = add_cap(
        running.ledger,
        scope=Scope.PROJECT,
        scope_key="billing-api",
        window=Window.DAY,
        limit_nano_usd=NANO_PER_USD // 10_000,
        action=action,
        time_zone="UTC",
    )
    yield cap
    remove_cap(running.ledger, cap.cap_id)


def test_turns_pass_unchanged_and_each_is_one_call(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    with opened(running) as socket:
        for text in (create(), create(previous_response_id="resp_1")):
            socket.send(text)
            assert [socket.recv() for _ in range(3)] == completed({})
    calls = new_calls(2)
    assert socket_provider.heard == [create(), create(previous_response_id="resp_1")]
    assert socket_provider.headers[0]["authorization"] == "Bearer sk-real"
    assert running.token not in str(socket_provider.headers)
    assert "permessage-deflate" in socket_provider.headers[0]["sec-websocket-extensions"]
    for call in calls:
        # $0.25 a million in, a tenth of it cached; $2 out
        assert (call.cost_nano_usd, call.cost_basis) == (600 * 250 + 400 * 25 + 50 * 2000, Basis.TABLE)
        assert (call.usage.input_tokens, call.usage.cache_read_tokens, call.usage.reasoning_tokens) == (1000, 400, 20)
        assert (call.api_shape, call.outcome, call.is_stream) == (ApiShape.OPENAI_RESPONSES, Outcome.COMPLETED, True)
        assert call.tags.session == "s-1"
        assert call.time_to_first_chunk_ms is not None


def test_socket_through_the_forward_proxy_is_metered_too(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    trust = ssl.create_default_context(cafile=str(running.home / "meter" / "mitmproxy-ca-cert.pem"))
    proxy = running.forward.replace("http://", f"http://{running.token}:x@")
    with connect("wss://api.openai.com/v1/responses", proxy=proxy, ssl=trust) as socket:
        socket.send(create())
        assert [socket.recv() for _ in range(3)] == completed({})
        call = new_calls(1)[0]
    assert (call.tags.project, call.usage.input_tokens) == ("billing-api", 1000)
    assert socket_provider.headers[0]["authorization"] == "Bearer sk-real"
    assert "proxy-authorization" not in socket_provider.headers[0]


def test_message_in_many_frames_arrives_as_the_same_message(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    text = create()
    with opened(running) as socket:
        socket.send([text[start : start + 701] for start in range(0, len(text), 701)])
        assert [socket.recv() for _ in range(3)] == completed({})
        new_calls(1)
    assert socket_provider.heard == [text]


SHORT_LIMIT = 2_000_000
LARGE = "x" * SHORT_LIMIT


@pytest.fixture(scope="module")
def short(
    served: SocketProvider, module_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningMeter]:
    """A meter whose longest message is 2 MB, and not 64."""
    home, code = (
        module_home / "short",
        f"from proxy_addon import limits\nlimits.MAX_SOCKET_MESSAGE_BYTES = {SHORT_LIMIT}",
    )
    home.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in meddled(tmp_path_factory.mktemp("short"), code).items():
            patch.setenv(name, value)
        patch.setenv("BURSAR_HOME", str(home))
        with meter(home, {"openai": served.url}) as started:
            yield started


@cell("F25", "a message of 64 MB and more", "a turn on a socket", "closed with 1009, nothing sent; others go on")
def test_message_that_is_too_long_closes_its_socket_and_is_not_sent(
    short: RunningMeter, socket_provider: SocketProvider
) -> None:
    with opened(short) as socket, opened(short) as other:
        socket.send(create(input=LARGE))
        with pytest.raises(ConnectionClosed):
            socket.recv()
        assert socket.close_code == 1009
        other.send(create())
        assert [other.recv() for _ in range(3)] == completed({})
    assert [json.loads(message)["input"] for message in socket_provider.heard] == [WORDS]
    assert short.calls(1)[0].outcome is Outcome.COMPLETED


@cell("F28", "a message of 64 MB and more", "an answer on a socket", "closed with 1009; charged what was held")
def test_answer_that_is_too_long_closes_its_socket_and_is_charged(
    short: RunningMeter, socket_provider: SocketProvider
) -> None:
    start = datetime.now(UTC)
    socket_provider.reply = lambda _message: [json.dumps({"type": "response.output_text.delta", "delta": LARGE})]
    with opened(short) as socket:
        socket.send(create())
        with pytest.raises(ConnectionClosed):
            socket.recv()
    (call,) = short.calls_since(start, 1)
    assert call.outcome is Outcome.INTERRUPTED
    assert call.cost_nano_usd


def test_turn_past_the_cap_is_refused_in_the_socket_and_not_sent(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    with tiny_cap(running, Action.BLOCK), opened(running) as socket:
        socket.send(create(stream_id="lane-7"))
        refused = json.loads(socket.recv())
        error = refused["error"]
        assert (refused["type"], refused["status"], refused["stream_id"]) == ("error", 400, "lane-7")
        assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_prompt")
        assert "Bursar" in error["message"]
    call = new_calls(1)[0]
    assert (call.outcome, call.error_type, call.cost_nano_usd) == (Outcome.REFUSED, "cap", 0)
    assert socket_provider.heard == []


def test_turn_that_cannot_be_priced_is_refused_and_the_next_one_goes(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    with opened(running) as socket:
        socket.send('{"type":"response.create","model":"gpt-5-mini","model":"gpt-5-pro","input":[]}')
        assert "twice" in json.loads(socket.recv())["error"]["message"]
        socket.send(create())
        assert len([socket.recv() for _ in range(3)]) == 3
        assert new_calls(1)[0].outcome is Outcome.COMPLETED
    assert socket_provider.heard == [create()]


def test_provider_that_breaks_off_in_a_turn_is_settled_by_what_was_seen(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    socket_provider.reply = lambda message: [*completed(message)[:2], CLOSE]
    with opened(running) as socket:
        socket.send(create())
        assert list(socket) == completed({})[:2]
    call = new_calls(1)[0]
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "provider_broke_off")
    assert call.cost_basis is Basis.ESTIMATED
    assert call.cost_nano_usd


def test_client_that_leaves_in_a_turn_is_settled_too(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    socket_provider.reply = lambda message: completed(message)[:1]
    with opened(running) as socket:
        socket.send(create())
        socket.recv()
    call = new_calls(1)[0]
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "client_left")
    assert call.cost_nano_usd


def test_error_in_the_place_of_an_answer_costs_nothing(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    error = json.dumps({"type": "error", "status": 400, "error": {"type": "invalid_request_error", "code": "nope"}})
    socket_provider.reply = lambda _message: [error]
    with opened(running) as socket:
        socket.send(create())
        assert socket.recv() == error
        call = new_calls(1)[0]
    assert (call.outcome, call.error_type, call.cost_nano_usd) == (Outcome.FAILED, "nope", 0)


def test_turn_waits_for_a_person_while_the_socket_lives_on(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    later = json.dumps({"type": "response.cancel", "why": WORDS}, ensure_ascii=False)
    socket_provider.reply = lambda message: completed({}) if message["type"] == "response.create" else []
    with tiny_cap(running, Action.PAUSE) as cap, opened(running) as socket:
        socket.send(create())
        socket.send(later)
        wait_until(lambda: waiting(running.ledger), "a question in the ledger")
        socket_provider.push("still here")
        assert socket.recv() == "still here"
        assert socket_provider.heard == []
        update_cap(running.ledger, replace(cap, limit_nano_usd=10 * NANO_PER_USD))
        assert [socket.recv() for _ in range(3)] == completed({})
        wait_until(lambda: len(socket_provider.heard) == 2, "what was said meanwhile")
    assert socket_provider.heard == [create(), later]
    assert new_calls(1)[0].outcome is Outcome.COMPLETED


def test_client_that_leaves_while_its_turn_waits_is_not_charged(
    running: RunningMeter, socket_provider: SocketProvider, new_calls: NewCalls
) -> None:
    with tiny_cap(running, Action.PAUSE):
        with opened(running) as socket:
            socket.send(create())
            wait_until(lambda: waiting(running.ledger), "a question in the ledger")
        call = new_calls(1)[0]
    assert (call.outcome, call.error_type, call.cost_nano_usd) == (Outcome.REFUSED, "client_left", 0)
    assert socket_provider.heard == []


def test_turn_nobody_has_answered_for_may_be_sent_again_and_is_the_same_question(
    running: RunningMeter, socket_provider: SocketProvider
) -> None:
    with tiny_cap(running, Action.PAUSE), opened(running, **{"x-stainless-timeout": "1"}) as socket:
        questions = []
        for _ in range(2):
            socket.send(create(input="asked about once"))
            refused = json.loads(socket.recv())
            assert (refused["status"], refused["error"]["code"]) == (503, "server_error")
            questions.append(waiting(running.ledger)[-1].approval_id)
        assert questions[0] == questions[1]
        approve(running.ledger, questions[0], by="test")
        socket.send(create(input="asked about once"))
        assert [socket.recv() for _ in range(3)] == completed({})
    assert len(socket_provider.heard) == 1


@pytest.mark.parametrize("path", ["/anthropic/v1/messages", "/openai/v1/chat/completions"])
def test_socket_that_cannot_be_metered_is_sent_back_to_http(
    path: str, running: RunningMeter, socket_provider: SocketProvider
) -> None:
    with pytest.raises(InvalidStatus) as refused, opened(running, path):
        pass
    assert refused.value.response.status_code == 426
    assert socket_provider.paths == []


ONLY_LOOKING = [
    ("POST", {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}, b'{"model":"gpt-5-mini","input":"hello"}'),
    ("GET", {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}, b'{"model":"gpt-5-mini","input":"hello"}'),
    ("GET", {"Upgrade": "websocket", "Sec-WebSocket-Version": "12"}, b""),
    ("GET", {"Upgrade": "h2c"}, b""),
]


def test_request_that_only_looks_like_a_socket_is_not_sent(home: Path, provider: Provider) -> None:
    """Else a call could go by as a socket, at a server that does not care for the header."""
    with meter(home, {"openai": provider.url}) as running:
        for method, headers, body in ONLY_LOOKING:
            asked = {"Connection": "Upgrade", "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="} | headers
            status, _headers, _body = post(running, RESPONSES, body, headers=asked, method=method)
            assert status == 426
    assert provider.seen == []


class _Switches(socketserver.StreamRequestHandler):
    """A provider that goes on in a protocol of its own."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: other\r\nconnection: upgrade\r\n\r\nraw")


def test_other_protocol_that_a_provider_switches_to_is_cut_off(home: Path) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Switches) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with meter(home, {"openai": url}) as running, pytest.raises(InvalidMessage), opened(running):
            pass
