"""Clients that are slow, silent, many or gone: each is closed in time or charged, and others are served."""

import resource
import socket
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import pytest

from app.core.call import Outcome
from proxy_addon.request import MAX_BODY_BYTES
from tests.end2end.conftest import module_home  # noqa: F401 - a fixture
from tests.end2end.meter_process import meter, wait_until
from tests.faults.cells import cell
from tests.faults.wire.authority import meddled
from tests.faults.wire.bare_client import connect, read_answer
from tests.faults.wire.cells import GOOD, WORDS, begun, sse
from tests.faults.wire.conftest import ASKED, ASKED_STREAM, CHAT, LANES, Wire, limited, own_home
from tests.faults.wire.misbehaving import Line, MisbehavingProvider
from tests.faults.wire.sins import CHUNKED, lines

pytestmark = pytest.mark.end2end

HURRIED = """
from proxy_addon import limits
limits.HEAD_S, limits.BODY_S, limits.LINGER_S = 1.0, 1.5, 1.0
limits.SLOWEST_BYTES_PER_S = 1024 * 1024
"""
"""The same meter with less patience, so that a test need not have it either."""


@pytest.fixture(scope="module")
def wire(
    module_home: Path,  # noqa: F811
    misbehaving: MisbehavingProvider,
    lane: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Wire]:
    """A meter in a hurry."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in meddled(tmp_path_factory.mktemp("hurried"), HURRIED).items():
            patch.setenv(name, value)
        with meter(own_home(module_home, lane), {"openai": misbehaving.url}, extra=LANES[lane]) as running:
            yield limited(Wire(running, misbehaving))


def _is_closed_after(connection: socket.socket) -> tuple[float, bytes]:
    """Seconds until the other side closes, and what it said before."""
    started, said = time.monotonic(), b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except ConnectionError:
        pass
    return time.monotonic() - started, said


def _is_closed_while_dripping(connection: socket.socket) -> bool:
    try:
        for _ in range(1_000):
            connection.sendall(b" ")
            time.sleep(0.05)
    except ConnectionError:
        return True
    return False


@cell("F26", "half a head", "in the head", "408 after ten seconds")
def test_a_client_that_stops_in_its_head_is_closed(wire: Wire) -> None:
    with connect(wire.running.gateway) as connection:
        connection.sendall(f"POST {CHAT} HTTP/1.1\r\nhost: {wire.host}\r\n".encode())
        seconds, said = _is_closed_after(connection)
    assert seconds > 0.5
    assert said.startswith(b"HTTP/1.1 408")
    wire.goes_on()


@cell("F26", "a head byte by byte", "in the head", "408 after ten seconds, however steadily it comes")
def test_a_client_that_drips_its_head_is_closed(wire: Wire) -> None:
    with connect(wire.running.gateway) as connection:
        connection.sendall(f"POST {CHAT} HTTP/1.1\r\nhost: {wire.host}\r\nx: ".encode())
        assert _is_closed_while_dripping(connection)
    wire.goes_on()


@cell("F26", "half a body", "in the body", "408 after a minute; nothing sent")
def test_a_client_that_stops_in_its_body_is_closed(wire: Wire) -> None:
    before = len(wire.provider.asked)
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(ASKED[:-10], content_length=str(len(ASKED))))
        seconds, said = _is_closed_after(connection)
    assert seconds > 1
    assert said.startswith(b"HTTP/1.1 408")
    assert len(wire.provider.asked) == before
    wire.goes_on()


@cell("F26", "a body byte by byte", "in the body", "closed when it comes too slowly; nothing sent")
def test_a_client_that_drips_its_body_is_closed(wire: Wire) -> None:
    before = len(wire.provider.asked)
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(b"{", content_length="100000"))
        assert _is_closed_while_dripping(connection)
    assert len(wire.provider.asked) == before
    wire.goes_on()


@cell("F26", "a long body that gets on", "in the body", "taken, though it has not come within a minute")
def test_a_long_body_that_gets_on_is_taken(wire: Wire) -> None:
    body = ASKED[:-1] + b',"user":"' + b"x" * 6_000_000 + b'"}'
    raw = wire.raw(body)
    with connect(wire.running.gateway) as connection:
        for start in range(0, len(raw), 1_000_000):
            connection.sendall(raw[start : start + 1_000_000])
            time.sleep(0.4)
        assert read_answer(connection).body == GOOD
    wire.goes_on()


@cell("F26", "a refused body that does not end", "while it is dropped", "closed after ten seconds")
def test_a_refused_body_is_dropped_for_a_while_only(wire: Wire) -> None:
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(b"", content_length="100000000"))
        held = bytearray()
        assert read_answer(connection, held).status == 413
        seconds, _said = _is_closed_after(connection)
    assert seconds > 0.5
    wire.goes_on()


@cell("F26", "silence between two requests", "between requests", "kept open: clients keep connections")
def test_a_client_that_pauses_between_requests_is_not_closed(wire: Wire) -> None:
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw())
        assert read_answer(connection).body == GOOD
        time.sleep(2.5)
        connection.sendall(wire.raw())
        assert read_answer(connection).body == GOOD
    wire.goes_on()


@cell("F26", "2,000 idle connections", "before the head", "others are served as before")
def test_two_thousand_idle_connections_are_in_nobodys_way(wire: Wire) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    alone, before, idle = _median_s(wire), wire.resident(), []
    try:
        idle = [connect(wire.running.gateway) for _ in range(2_000)]
        beside = _median_s(wire)
        grown = wire.most_resident() - before
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    alone = max(alone, _median_s(wire))
    assert beside < 3 * alone + 0.1, f"{beside * 1000:.1f} ms beside, {alone * 1000:.1f} ms alone"
    assert grown < 150 * 1024**2
    wire.goes_on()


def _median_s(wire: Wire) -> float:
    taken = []
    for _ in range(15):
        started = time.perf_counter()
        assert wire.ask(wire.raw()).body == GOOD
        taken.append(time.perf_counter() - started)
    return median(taken)


def _leave(connection: socket.socket, *, by_reset: bool) -> None:
    if by_reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    "by_reset",
    [
        pytest.param(
            False, marks=cell("F19", "silence", "before the head", "the client leaves; charged what was held")
        ),
        pytest.param(True, marks=cell("F21", "resets", "before the head", "charged what was held")),
    ],
)  # fmt: skip
def test_a_client_that_leaves_before_an_answer_is_charged(wire: Wire, by_reset: bool) -> None:
    wire.provider.plays["silent"] = Line.hang
    start, before = datetime.now(UTC), len(wire.provider.asked)
    connection = connect(wire.running.gateway)
    connection.sendall(wire.raw(x_play="silent"))
    wait_until(lambda: len(wire.provider.asked) > before, "the call to be sent")
    posted = wire.money().posted
    _leave(connection, by_reset=by_reset)
    call = wire.call_since(start)
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "client_left")
    wait_until(lambda: wire.money().held == 0, "the money to be settled")
    assert wire.money().posted > posted
    wire.goes_on()


@pytest.mark.parametrize(
    "by_reset",
    [
        pytest.param(False, marks=cell("F21", "closes", "in a stream", "the provider is left; charged what was held")),
        pytest.param(True, marks=cell("F21", "resets", "in a stream", "the provider is left; charged what was held")),
    ],
)
def test_a_client_that_leaves_in_a_stream_is_charged(wire: Wire, by_reset: bool) -> None:
    left = []

    def play(line: Line) -> None:
        line.say(begun(sse(*WORDS)))
        line.hang()
        left.append(True)

    wire.provider.plays["endless"] = play
    start, posted = datetime.now(UTC), wire.money().posted
    connection = connect(wire.running.gateway)
    connection.sendall(wire.raw(ASKED_STREAM, x_play="endless"))
    assert connection.recv(10)
    _leave(connection, by_reset=by_reset)
    call = wire.call_since(start)
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "client_left")
    wait_until(lambda: bool(left), "the provider to be left")
    wait_until(lambda: wire.money().held == 0, "the money to be settled")
    assert wire.money().posted > posted
    wire.goes_on()


@pytest.mark.parametrize("is_chunked", [
    pytest.param(False, marks=cell("F21", "leaves in its body", "in a request", "nothing sent, nothing charged")),
    pytest.param(True, marks=cell("F21", "leaves within a chunk", "in a request", "nothing sent, nothing charged")),
])  # fmt: skip
def test_a_client_that_leaves_in_its_body_costs_nothing(wire: Wire, is_chunked: bool) -> None:
    before, money = len(wire.provider.asked), wire.money()
    whole, half = str(len(ASKED)), ASKED[:-10]
    connection = connect(wire.running.gateway)
    connection.sendall(
        lines(wire, CHUNKED, body=b"%x\r\n%b" % (len(ASKED), half))
        if is_chunked
        else wire.raw(half, content_length=whole)
    )
    connection.close()
    assert wire.money() == money
    wire.goes_on()
    assert len(wire.provider.asked) == before + 1


@cell("F25", "a body of 65 MB in chunks", "in a request", "413 as soon as it is too long; nothing sent")
def test_a_body_in_chunks_that_is_too_long_is_refused(wire: Wire) -> None:
    before, size = len(wire.provider.asked), 1024**2
    piece = b"%x\r\n%b\r\n" % (size, b"x" * size)
    with connect(wire.running.gateway) as connection:
        connection.sendall(lines(wire, CHUNKED, body=b""))
        for _ in range(MAX_BODY_BYTES // size + 1):
            connection.sendall(piece)
        assert read_answer(connection).status == 413
    assert len(wire.provider.asked) == before
    wire.goes_on()


@cell("F45", "more clients than descriptors", "before the head", "the newest are turned away, the others served")
def test_more_clients_than_may_be_are_turned_away(
    tmp_path: Path, lane: str, misbehaving: MisbehavingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from proxy_addon import limits\nlimits.most_connections = lambda: 20\n"
    for name, value in meddled(tmp_path, code).items():
        monkeypatch.setenv(name, value)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("BURSAR_HOME", str(home))
    with meter(home, {"openai": misbehaving.url}, extra=LANES[lane]) as running:
        wire = Wire(running, misbehaving)
        first = connect(running.gateway)
        first.sendall(wire.raw())
        assert read_answer(first).body == GOOD
        others = [connect(running.gateway) for _ in range(30)]
        for late in others[25:]:
            assert _is_closed_after(late)[1] == b""
        first.sendall(wire.raw())
        assert read_answer(first).body == GOOD
        for one in (first, *others):
            one.close()
        wait_until(lambda: wire.ask(wire.raw()).status == 200, "room again")
