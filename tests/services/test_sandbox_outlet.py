"""The relay between a sandbox and the meter: bytes, ends and breaks go through it as they come."""

import gc
import socket
import struct
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.services.sandbox_outlet import outer_relay

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no sandbox for it yet")

PATIENCE_S = 30


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(PATIENCE_S)
        yield listening


@pytest.fixture
def file(tmp_path: Path, server: socket.socket) -> Iterator[str]:
    port = server.getsockname()[1]
    with outer_relay(tmp_path, [port]):
        yield str(tmp_path / str(port))


def _connected(file: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE_S)
    client.connect(file)
    return client


def _read_all(connection: socket.socket) -> bytes:
    told = b""
    while chunk := connection.recv(65_536):
        told += chunk
    return told


def test_bytes_go_both_ways_and_an_end_on_one_side_leaves_the_other_open(server: socket.socket, file: str) -> None:
    sent = bytes(range(256)) * 20_000

    def write(side: socket.socket, content: bytes) -> None:
        side.sendall(content)
        side.shutdown(socket.SHUT_WR)

    with _connected(file) as client, ThreadPoolExecutor() as pool:  # more is written than fits before it is read
        asking = pool.submit(write, client, sent)
        meter, _ = server.accept()
        with meter:
            assert _read_all(meter) == sent
            answering = pool.submit(write, meter, sent[::-1])
            assert _read_all(client) == sent[::-1]
            asking.result()
            answering.result()


def test_a_client_that_has_said_all_it_will_still_gets_its_answer(server: socket.socket, file: str) -> None:
    with _connected(file) as client:
        client.sendall(b"asked")
        client.shutdown(socket.SHUT_WR)
        meter, _ = server.accept()
        with meter:
            assert _read_all(meter) == b"asked"
            gc.collect()
            meter.sendall(b"answered")
        assert _read_all(client) == b"answered"


def test_a_client_that_leaves_is_gone_for_the_meter_too(server: socket.socket, file: str) -> None:
    client = _connected(file)
    meter, _ = server.accept()
    with meter:
        meter.settimeout(PATIENCE_S)
        client.sendall(b"x")
        assert meter.recv(1) == b"x"
        client.close()
        assert meter.recv(1) == b""


def test_a_meter_that_breaks_off_is_no_answer_that_ends_well(server: socket.socket, file: str) -> None:
    with _connected(file) as client:
        meter, _ = server.accept()
        meter.settimeout(PATIENCE_S)
        client.sendall(b"x")
        meter.recv(1)
        meter.sendall(b"half an ")
        assert client.recv(100) == b"half an "
        meter.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        meter.close()
        try:
            assert client.recv(100) == b""
        except ConnectionResetError:
            return


def test_where_nobody_listens_the_connection_ends(tmp_path: Path, server: socket.socket) -> None:
    port = server.getsockname()[1]
    server.close()
    with outer_relay(tmp_path, [port]), _connected(str(tmp_path / str(port))) as client:
        assert _read_all(client) == b""


def test_after_the_run_nothing_leads_there(tmp_path: Path, server: socket.socket) -> None:
    port = server.getsockname()[1]
    with outer_relay(tmp_path, [port]):
        open_one = _connected(str(tmp_path / str(port)))
    with open_one:
        assert _read_all(open_one) == b""
    with socket.socket(socket.AF_UNIX) as late, pytest.raises(OSError):
        late.connect(str(tmp_path / str(port)))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError), outer_relay(tmp_path / "gone", [1]):
        pass
