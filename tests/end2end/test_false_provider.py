"""Providers that are not what they say: a false certificate, a usage that lies, an answer that leads elsewhere."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core.call import Outcome
from app.core.caps import Action
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.cap_store import add_cap, cap_statuses
from tests.end2end.bare_http import CHAT, post
from tests.end2end.certificates import self_signed
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Answer, Provider

pytestmark = pytest.mark.end2end

KEY = "sk-proj-NEVER-TO-A-LIAR-0123456789"
BODY = json.dumps({"model": "gpt-5-mini", "max_completion_tokens": 100, "messages": []}).encode()


@dataclass
class Listener:
    """A TLS server of somebody in between, and every byte that reached it, as it came and decrypted."""

    port: int
    raw: bytearray = field(default_factory=bytearray)
    plain: bytearray = field(default_factory=bytearray)
    visits: int = 0


@contextmanager
def in_between(certificate: Path, key: Path) -> Iterator[Listener]:
    """Somebody on the way to the provider, who keeps all that comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = Listener(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _peer = server.accept()
                except OSError:
                    return
                with connection:
                    listener.visits += 1
                    _listen_to(connection, context, listener)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def _listen_to(connection: socket.socket, context: ssl.SSLContext, listener: Listener) -> None:
    came, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(came, going, server_side=True)
    connection.settimeout(20)
    is_shaken = False
    while True:
        try:
            piece = connection.recv(65536)
        except OSError:
            return
        if not piece:
            return
        listener.raw += piece
        came.write(piece)
        try:
            if not is_shaken:
                tls.do_handshake()
                is_shaken = True
            listener.plain += tls.read(65536)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return
        finally:
            if sent := going.read():
                connection.sendall(sent)


@pytest.mark.parametrize("name", ["localhost", "other.example"])
def test_a_false_certificate_gets_a_502_and_not_a_byte_of_the_key(home: Path, tmp_path: Path, name: str) -> None:
    with in_between(*self_signed(tmp_path, name)) as liar:
        with meter(home, {"openai": f"https://localhost:{liar.port}/v1"}, keys={"openai": KEY}) as running:
            status, _headers, body = post(running, CHAT, BODY)
            (call,) = running.calls(1)
        assert liar.visits >= 1
        assert bytes(liar.plain) == b""
        assert KEY.encode() not in liar.raw
    assert status == 502
    assert "certificate" in body.decode().lower()
    assert call.cost_nano_usd == 0


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    with meter(home, {"openai": provider.url}, keys={"openai": KEY}) as started:
        add_cap(
            started.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL,
            limit_nano_usd=1000 * NANO_PER_USD, action=Action.BLOCK, time_zone="UTC",
        )  # fmt: skip
        yield started


LIES = ("-5", "NaN", "Infinity", "1e400", str(10**18), str(10**400), '"12"', "true", "1.5", "null", "[]", "{}", "-0")


def test_a_usage_that_lies_never_makes_a_cap_smaller_nor_breaks_the_meter(
    running: RunningMeter, provider: Provider
) -> None:
    for number, lie in enumerate(LIES, start=1):
        usage = f'{{"prompt_tokens":{lie},"completion_tokens":{lie}}}'
        text = f'{{"id":"1","model":"gpt-5-mini","choices":[],"usage":{usage}}}'
        provider.answer = lambda _seen, text=text: Answer([text.encode()])  # type: ignore[misc]
        before = spent(running)
        status, _headers, body = post(running, CHAT, BODY)
        assert (status, body.decode()) == (200, text), "what the provider says goes on as it is"
        call = running.calls(number)[-1]
        assert call.outcome is Outcome.COMPLETED
        assert call.cost_nano_usd is not None, lie
        assert 0 <= call.cost_nano_usd < NANO_PER_USD, lie
        assert spent(running) >= before, lie


def spent(running: RunningMeter) -> int:
    """What the cap has posted."""
    (status,) = cap_statuses(running.ledger, datetime.now(UTC))
    return status.spent_nano_usd


def test_a_redirect_is_the_agents_to_follow_and_takes_no_key_along(running: RunningMeter, provider: Provider) -> None:
    with Provider(lambda _seen: Answer([b"{}"])).running() as elsewhere:
        leads = {"location": f"{elsewhere.url}/v1/chat/completions"}
        provider.answer = lambda _seen: Answer([], status=307, headers=leads)
        status, headers = _unfollowed(running)
        assert (status, headers["location"]) == (307, leads["location"])
        assert elsewhere.seen == []


def _unfollowed(running: RunningMeter) -> tuple[int, dict[str, str]]:
    place = urlsplit(running.gateway)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=20)
    connection.request("POST", CHAT, BODY, {"authorization": f"Bearer {running.token}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}
