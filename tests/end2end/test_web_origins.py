"""A page in the developer's browser can reach a local port. It changes nothing there and learns nothing.

Each shape is one that a page can make a browser send: the headers that give it away cannot be left out by the page.
"""

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ledger.approval_store import waiting
from app.ledger.cap_store import list_caps
from app.ledger.key_store import list_keys
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end

CALL = '{"model": "gpt-5-mini", "messages": []}'
PATHS = {
    "call": "/openai/v1/chat/completions",
    "free": "/openai/v1/models",
    "health": "/bursar/health",
    "budget": "/bursar/budget",
    "unknown": "/",
}
PAGE = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "referer": "https://evil.example/"}
SIGNS: dict[str, dict[str, str]] = {
    "origin": {"origin": "https://evil.example"},
    "null origin (sandboxed frame, file)": {"origin": "null"},
    "origin of another local port": {"origin": "http://127.0.0.1:3000"},
    "origin of the meter itself": {"origin": "http://127.0.0.1"},
    "extension": {"origin": "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh"},
    "referer alone": {"referer": "https://evil.example/page"},
    "cross-site image or script": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    "same-site": {"sec-fetch-site": "same-site"},
    "same-origin": {"sec-fetch-site": "same-origin"},
    "mixed case": {"Sec-Fetch-Site": "Cross-Site"},
}
BODIES: dict[str, tuple[str, dict[str, str]]] = {
    "form": (CALL, PAGE | {"content-type": "application/x-www-form-urlencoded"}),
    "multipart form": (CALL, PAGE | {"content-type": "multipart/form-data; boundary=x"}),
    "text/plain": (CALL, PAGE | {"content-type": "text/plain"}),
    "beacon": (CALL, PAGE | {"content-type": "text/plain;charset=UTF-8", "sec-fetch-mode": "no-cors"}),
    "json after preflight": (CALL, PAGE | {"content-type": "application/json"}),
    "no type": (CALL, PAGE),
}
SHAPES: dict[str, tuple[str, str, dict[str, str], str]] = {}
for sign, headers in SIGNS.items():
    for place in ("call", "health"):
        SHAPES[f"{sign}, {place}"] = ("POST" if place == "call" else "GET", PATHS[place], headers, CALL)
for kind, (body, headers) in BODIES.items():
    SHAPES[f"{kind}"] = ("POST", PATHS["call"], headers, body)
for place, path in PATHS.items():
    SHAPES[f"page reads {place}"] = ("GET", path, PAGE, "")
    asked = PAGE | {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    SHAPES[f"preflight of {place}"] = ("OPTIONS", path, asked, "")
SHAPES["private network preflight"] = ("OPTIONS", PATHS["call"], PAGE | {"access-control-request-private-network": "true"}, "")  # noqa: E501 # fmt: skip
SHAPES["web socket"] = ("GET", "/openai/v1/responses", PAGE | {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}, "")  # noqa: E501 # fmt: skip
for method in ("PUT", "DELETE", "HEAD"):
    SHAPES[f"page sends {method}"] = (method, PATHS["call"], PAGE, "")
SHAPES["event source"] = ("GET", PATHS["free"], PAGE | {"accept": "text/event-stream"}, "")
REBOUND = ("attacker.example", "attacker.example:{port}", "127.0.0.1.nip.example:{port}", "localhost.evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", "[::]:{port}", "127.0.0.2:{port}", "")  # noqa: E501 # fmt: skip


@pytest.fixture(scope="module")
def provider_seen() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as running:
        yield running


@pytest.fixture(scope="module")
def running(provider_seen: Provider, module_home: Path) -> Iterator[RunningMeter]:
    with meter(module_home, {"openai": provider_seen.url}) as started:
        yield started


def test_there_are_enough_shapes_to_mean_something() -> None:
    assert len(SHAPES) >= 40


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key", ["with a stolen key", "without a key"])
def test_a_page_gets_an_empty_403_and_changes_nothing(
    running: RunningMeter, provider_seen: Provider, shape: str, key: str
) -> None:
    method, path, headers, body = SHAPES[shape]
    token = running.token if key == "with a stolen key" else ""
    before = _state(running)
    answer = _send(running, method, path, headers | ({"authorization": f"Bearer {token}"} if token else {}), body)
    assert answer == (403, b"", None)
    assert _state(running) == before
    assert provider_seen.seen == []


@pytest.mark.parametrize("host", REBOUND)
@pytest.mark.parametrize("place", PATHS)
def test_a_rebound_name_gets_the_same_answer_everywhere(
    running: RunningMeter, provider_seen: Provider, host: str, place: str
) -> None:
    port = running.gateway.rpartition(":")[2]
    headers = {"host": host.format(port=port), "authorization": f"Bearer {running.token}"}
    assert _send(running, "POST" if place == "call" else "GET", PATHS[place], headers, "") == (403, b"", None)
    assert provider_seen.seen == []


def _send(
    running: RunningMeter, method: str, path: str, headers: dict[str, str], body: str
) -> tuple[int, bytes, str | None]:
    """Status, body, and the header that would let a page read it."""
    connection = http.client.HTTPConnection(running.gateway.removeprefix("http://"), timeout=20)
    try:
        connection.putrequest(method, path, skip_host="host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("access-control-allow-origin")
    finally:
        connection.close()


def _state(running: RunningMeter) -> tuple[int, int, int, int]:
    ledger = running.ledger
    return running.count(), len(list_caps(ledger)), len(list_keys(ledger)), len(waiting(ledger))
