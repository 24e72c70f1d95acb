"""The forward proxy: metered hosts are opened with the meter's own CA, everything else passes unopened."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest

from tests.end2end.certificates import self_signed
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end

CHAT = {"model": "gpt-5-mini", "messages": []}


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(10, 5)
    with meter(home, {"openai": provider.url}) as started:
        yield started


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An HTTPS server that Bursar knows nothing of: its address and certificate."""

    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, format: str, *args: object) -> None:
            pass

    certificate, key = self_signed(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_address[1]}", certificate
    server.shutdown()
    server.server_close()
    thread.join()


def _client(running: RunningMeter, ca: Path, user: str = "") -> httpx2.Client:
    address = running.forward.replace("http://", f"http://{user}:x@") if user else running.forward
    return httpx2.Client(proxy=address, verify=ssl.create_default_context(cafile=str(ca)), trust_env=False)


def _meters_ca(running: RunningMeter) -> Path:
    return running.home / "meter" / "mitmproxy-ca-cert.pem"


def test_metered_host_is_opened_and_metered(running: RunningMeter, provider: Provider) -> None:
    with _client(running, _meters_ca(running), running.token) as client:
        answer = client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
    assert answer.json()["choices"][0]["message"]["content"] == "done"
    (call,) = running.calls(1)
    assert (call.tags.project, call.usage.input_tokens) == ("billing-api", 10)
    assert provider.seen[0].headers["authorization"] == "Bearer sk-real"
    assert "proxy-authorization" not in provider.seen[0].headers


def test_agents_own_key_passes_where_the_proxy_address_says_who_pays(running: RunningMeter, provider: Provider) -> None:
    with _client(running, _meters_ca(running), running.token) as client:
        own = {"authorization": "Bearer sk-own-login"}
        assert client.post("https://api.openai.com/v1/chat/completions", json=CHAT, headers=own).status_code == 200
    assert provider.seen[0].headers["authorization"] == "Bearer sk-own-login"
    assert running.calls(1)[0].tags.agent == "test"


def test_call_without_any_key_is_refused(running: RunningMeter, provider: Provider) -> None:
    with _client(running, _meters_ca(running)) as client:
        answer = client.post("https://api.openai.com/v1/chat/completions", json=CHAT)
    assert answer.status_code == 401
    assert "bursar run" in json.loads(answer.text)["error"]["message"]
    assert provider.seen == []


def test_other_hosts_pass_unopened(home: Path, stranger: tuple[str, Path]) -> None:
    url, certificate = stranger
    allowed = ("--private-destination", url.removeprefix("https://"))
    with meter(home, {}, extra=allowed) as running, _client(running, certificate, running.token) as client:
        assert client.get(url).text == "hello"  # the stranger's own certificate was seen, or TLS would have failed
        assert running.count() == 0


def test_nothing_on_this_machine_is_reached_through_the_proxy(
    running: RunningMeter, stranger: tuple[str, Path]
) -> None:
    url, certificate = stranger
    port = url.rpartition(":")[2]
    with _client(running, certificate, running.token) as client:
        for host in ("localhost", "127.0.0.1", "0x7f.1"):
            with pytest.raises(httpx2.TransportError):
                client.get(f"https://{host}:{port}")
        for own in (running.gateway, running.forward):
            assert client.get(own).status_code == 502
    assert running.count() == 0


def test_other_plain_hosts_pass_untouched(running: RunningMeter, provider: Provider) -> None:
    with _client(running, _meters_ca(running), running.token) as client:
        headers = {"x-api-key": "kept", "x-bursar-key": running.token}
        answer = client.post(f"{provider.url}/v1/chat/completions", json=CHAT, headers=headers)
    assert answer.status_code == 200
    assert running.token not in str(provider.seen[0].headers)
    assert provider.seen[0].headers["x-api-key"] == "kept"
    assert "proxy-authorization" not in provider.seen[0].headers
    assert running.count() == 0


def test_ca_key_is_private(running: RunningMeter) -> None:
    folder = _meters_ca(running).parent
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "mitmproxy-ca.pem").stat().st_mode & 0o777 == 0o600
