"""A provider that sends its own key back: the agent never sees it, whichever way it comes."""

import gzip
import http.client
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.sync.client import connect

from app.ledger.call_store import recent_calls
from tests.end2end.bare_http import CHAT, MESSAGES, post
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Answer, Provider, Seen, chat_completion, in_pieces
from tests.end2end.socket_provider import SocketProvider

pytestmark = pytest.mark.end2end

KEY = "sk-proj-CANARY0123456789abcdefCANARY"
STARS = "*" * len(KEY)
BODY = json.dumps({"model": "gpt-5-mini", "messages": []}).encode()
STREAM = json.dumps({"model": "gpt-5-mini", "messages": [], "stream": True}).encode()
SSE = {"content-type": "text/event-stream"}


@pytest.fixture(scope="module")
def served() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as started:
        yield started


class Raw(socketserver.ThreadingTCPServer):
    """A server that says `said` to whatever it is asked."""

    daemon_threads = True
    said = ""


class _Saying(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        assert isinstance(self.server, Raw)
        self.wfile.write(self.server.said.encode())


@pytest.fixture(scope="module")
def raw() -> Iterator[Raw]:
    with Raw(("127.0.0.1", 0), _Saying) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def running(served: Provider, raw: Raw, module_home: Path) -> Iterator[RunningMeter]:
    upstreams = {"openai": served.url, "anthropic": f"http://127.0.0.1:{raw.server_address[1]}"}
    with meter(module_home, upstreams, keys=dict.fromkeys(upstreams, KEY)) as started:
        yield started


def echo(seen: Seen) -> bytes:
    """What a debugging endpoint would say."""
    return json.dumps(
        {"you": seen.headers, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
    ).encode()


def test_an_error_that_quotes_the_key_is_masked(running: RunningMeter, served: Provider) -> None:
    served.answer = lambda seen: Answer([echo(seen)], status=401)
    status, _headers, body = post(running, CHAT, BODY)
    assert status == 401
    assert json.loads(body)["you"]["authorization"] == f"Bearer {STARS}"
    assert KEY in served.seen[-1].headers["authorization"], "the provider did get it"


def test_a_stream_in_pieces_is_masked_and_otherwise_the_same_bytes(running: RunningMeter, served: Provider) -> None:
    said = b"".join(
        b"data: " + json.dumps({"choices": [{"delta": {"content": KEY * n}}]}).encode() + b"\n\n" for n in (1, 2)
    )
    said += b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}\n\ndata: [DONE]\n\n'
    served.answer = lambda _seen: Answer(in_pieces(said), headers=SSE)
    asked = json.loads(STREAM) | {"stream_options": {"include_usage": True}}
    assert post(running, CHAT, json.dumps(asked).encode())[2] == said.replace(KEY.encode(), STARS.encode())
    wait_until(lambda: any(call.usage.input_tokens == 9 for call in recent_calls(running.ledger, 9)), "the call")
    hidden = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}\n\n'
    assert post(running, CHAT, STREAM)[2] == said.replace(KEY.encode(), STARS.encode()).replace(hidden, b"")


def test_headers_are_masked(running: RunningMeter, served: Provider) -> None:
    served.answer = lambda _seen: Answer([b"{}"], headers={"content-type": "application/json", "x-debug": f"got {KEY}"})
    assert post(running, CHAT, BODY)[1]["x-debug"] == f"got {STARS}"


def test_a_path_that_costs_nothing_is_masked_too(running: RunningMeter, served: Provider) -> None:
    served.answer = lambda seen: Answer(in_pieces(echo(seen)))
    _status, _headers, body = post(running, "/openai/v1/models", b"", method="GET")
    assert json.loads(body)["you"]["authorization"] == f"Bearer {STARS}"


def test_an_error_that_was_held_back_is_masked(running: RunningMeter, served: Provider) -> None:
    served.answer = lambda seen: Answer([echo(seen)], status=400)
    assert json.loads(post(running, CHAT, STREAM)[2])["you"]["authorization"] == f"Bearer {STARS}"
    packed = {"content-type": "application/json", "content-encoding": "gzip"}
    served.answer = lambda seen: Answer([gzip.compress(echo(seen))], status=400, headers=packed)
    status, _headers, body = post(running, CHAT, STREAM)
    assert status == 502
    assert "quoted your provider key" in body.decode()


def test_an_answer_to_a_call_sent_again_is_masked(running: RunningMeter, served: Provider) -> None:
    served.answer = lambda seen: (
        Answer([b'{"error": "no stream_options here"}'], status=400)
        if b"stream_options" in seen.body
        else Answer([echo(seen)], headers={"content-type": "application/json", "x-debug": KEY})
    )
    body = json.dumps(json.loads(STREAM) | {"model": "gpt-5-nano"}).encode()
    status, headers, answer = post(running, CHAT, body)
    assert (status, headers["x-debug"]) == (200, STARS)
    assert json.loads(answer)["you"]["authorization"] == f"Bearer {STARS}"


def test_a_compressed_answer_that_holds_it_is_broken_off(running: RunningMeter, served: Provider) -> None:
    packed = {"content-type": "application/json", "content-encoding": "gzip"}
    served.answer = lambda seen: Answer(in_pieces(gzip.compress(b"x" * 999 + echo(seen))), headers=packed)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        post(running, CHAT, BODY, headers={"accept-encoding": "gzip"})


RAW = {
    "reason": f"HTTP/1.1 404 {KEY}\r\ncontent-length: 2\r\n\r\n{{}}",
    "nonsense": f"{KEY} is your key\r\n\r\n",
    "header": f"HTTP/1.1 200 OK\r\n{KEY}\r\n\r\n",
    "length": f"HTTP/1.1 200 OK\r\ncontent-length: {KEY}\r\n\r\n",
    "trailers": f"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\nx-echo: {KEY}\r\n\r\n",
    "cut short": f"HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\nyour key is {KEY}",
}


@pytest.mark.parametrize("case", RAW)
def test_what_is_hardly_an_answer_is_masked(running: RunningMeter, raw: Raw, case: str) -> None:
    raw.said = RAW[case]
    heard = _heard(running)
    assert heard.startswith(b"HTTP/1.1 ")
    assert KEY.encode() not in heard
    files = [file for file in running.home.rglob("*") if file.is_file()]
    assert [file.name for file in files if KEY.encode() in file.read_bytes()] == []


def _heard(running: RunningMeter) -> bytes:
    """Every byte that a client gets."""
    place = urlsplit(running.gateway)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    head = {"authorization": f"Bearer {running.token}", "content-type": "application/json", "connection": "close"}
    connection.request("POST", MESSAGES, BODY, head)
    heard = b""
    while piece := connection.sock.recv(65536):
        heard += piece
    connection.close()
    return heard


def test_a_message_on_a_socket_is_masked(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BURSAR_HOME", str(home))
        provider = SocketProvider(lambda _message: [json.dumps({"type": "response.output_text.delta", "delta": KEY})])
        with provider.running(), meter(home, {"openai": provider.url}, keys={"openai": KEY}) as running:
            url = running.gateway.replace("http://", "ws://") + "/openai/v1/responses"
            with connect(url, additional_headers={"authorization": f"Bearer {running.token}"}, proxy=None) as socket:
                socket.send(json.dumps({"type": "response.create", "model": "gpt-5-mini", "input": "x"}))
                assert json.loads(socket.recv(timeout=20))["delta"] == STARS
    assert provider.headers[0]["authorization"] == f"Bearer {KEY}"
