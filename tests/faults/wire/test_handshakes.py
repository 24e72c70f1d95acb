"""Clients that begin a handshake and do not end it, at the forward proxy and at the door to the network."""

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end2end.conftest import module_home  # noqa: F401 - a fixture
from tests.end2end.meter_process import RunningMeter, meter
from tests.faults.cells import cell
from tests.faults.wire.authority import meddled
from tests.faults.wire.bare_client import connect
from tests.faults.wire.conftest import own_home

pytestmark = pytest.mark.end2end
PATIENCE_S = 0.7
HURRIED = f"from proxy_addon import limits\nlimits.HEAD_S = {PATIENCE_S}\n"
METERED = "api.openai.com:443"


@pytest.fixture(scope="module")
def network() -> str:
    """A free place on an address of this machine that stands for one others reach."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[socket.socket]:
    """Another host, which is not metered."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door


@pytest.fixture(scope="module")
def running(
    module_home: Path,  # noqa: F811
    network: str,
    elsewhere: socket.socket,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningMeter]:
    """A meter in a hurry, with both doors."""
    host, port = elsewhere.getsockname()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in meddled(tmp_path_factory.mktemp("hurried"), HURRIED).items():
            patch.setenv(name, value)
        extra = ("--listen", network, "--private-destination", f"{host}:{port}")
        with meter(own_home(module_home, "hurried"), {}, extra=extra) as started:
            yield started


def hello(name: str) -> bytes:
    """How a client begins to speak TLS."""
    said = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=name).do_handshake()
    return said.read()


def tunnel(running: RunningMeter, place: str) -> socket.socket:
    """A tunnel of the forward proxy."""
    connection = connect(running.forward)
    connection.sendall(f"CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n\r\n".encode())
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    return connection


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes it, whatever it says before."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def drip(connection: socket.socket, data: bytes) -> None:
    """Send it byte by byte."""
    for at in range(len(data)):
        connection.sendall(data[at : at + 1])
        time.sleep(0.02)


GREETINGS = [
    pytest.param(1, marks=cell("F26", "one byte of a TLS greeting", "in a tunnel", "closed after ten seconds")),
    pytest.param(90, marks=cell("F26", "half a TLS greeting", "in a tunnel", "closed after ten seconds")),
    pytest.param(None, marks=cell("F26", "a TLS greeting and no more", "in a tunnel", "closed after ten seconds")),
]


@pytest.mark.parametrize("size", GREETINGS)
def test_a_handshake_that_hangs_in_a_tunnel_is_ended(running: RunningMeter, size: int | None) -> None:
    with tunnel(running, METERED) as connection:
        began = time.monotonic()
        connection.sendall(hello("api.openai.com")[:size])
        assert is_closed(connection)
        assert time.monotonic() - began > PATIENCE_S / 2


@pytest.mark.parametrize("size", [
    pytest.param(90, marks=cell("F26", "half a TLS greeting", "at the door to the network",
                                "closed after ten seconds")),
    pytest.param(None, marks=cell("F26", "a TLS greeting and no more", "at the door to the network",
                                  "closed after ten seconds")),
])  # fmt: skip
def test_a_handshake_that_hangs_at_the_network_door_is_ended(
    running: RunningMeter, network: str, size: int | None
) -> None:
    with connect(f"https://{network}") as connection:
        connection.sendall(hello("127.0.0.1")[:size])
        assert is_closed(connection)


@cell("F49", "a tunnel that begins with one byte", "in a tunnel", "read as HTTP, and refused: nothing passes unread")
def test_no_tunnel_to_a_metered_host_passes_unread(running: RunningMeter) -> None:
    with tunnel(running, METERED) as connection:
        connection.sendall(b"\x16")
        time.sleep(PATIENCE_S / 4)  # as a segment of its own
        connection.sendall(b"\x03\x01\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 400")


@cell("F26", "a TLS greeting byte by byte", "in a tunnel", "closed after ten seconds, however steadily it comes")
def test_a_greeting_that_drips_is_ended(running: RunningMeter) -> None:
    with tunnel(running, METERED) as connection, pytest.raises(ConnectionError):
        drip(connection, hello("api.openai.com") * 5)


@cell("F26", "a TLS greeting and no more", "in a tunnel to another host", "theirs: kept open")
def test_what_goes_to_another_host_is_not_ended(running: RunningMeter, elsewhere: socket.socket) -> None:
    host, port = elsewhere.getsockname()
    with tunnel(running, f"{host}:{port}") as connection:
        connection.sendall(hello("elsewhere.example"))
        peer, _ = elsewhere.accept()
        with peer:
            assert peer.recv(65_536).startswith(b"\x16")
            connection.settimeout(3 * PATIENCE_S)
            assert not is_closed(connection)
            peer.sendall(b"still there")
            assert connection.recv(65_536) == b"still there"


@cell("F26", "silence", "in a tunnel", "kept open: clients open connections ahead")
def test_silence_in_a_tunnel_is_not_ended(running: RunningMeter) -> None:
    with tunnel(running, METERED) as connection:
        connection.settimeout(3 * PATIENCE_S)
        assert not is_closed(connection)
