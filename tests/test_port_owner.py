import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.port_owner import ANOTHER, port_owner

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells whose a port is")
LISTENS = """
import socket, sys
door = socket.create_server(("127.0.0.1", 0))
print(door.getsockname()[1], flush=True)
sys.stdin.read()
"""


def _listening(argument: str) -> Iterator[tuple[int, int]]:
    command = [sys.executable, "-c", LISTENS, argument]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.stdin.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_program_is_named_with_its_process(family: socket.AddressFamily) -> None:
    with socket.create_server(("", 0), family=family) as door:
        owner = port_owner(door.getsockname()[1])
    assert owner.endswith(f" (process {os.getpid()})")


def test_a_port_that_nobody_has_is_nobodys() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    assert port_owner(port) == ANOTHER


def test_a_meter_of_ours_is_known() -> None:
    for pid, port in _listening("proxy_addon"):
        assert port_owner(port) == f"A meter of another ledger (process {pid})"


def test_of_another_users_program_only_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    us = os.getuid()
    monkeypatch.setattr("app.port_owner._processes", list)  # none whose sockets could be seen
    with socket.create_server(("127.0.0.1", 0)) as door:
        assert port_owner(door.getsockname()[1]) == ANOTHER
        monkeypatch.setattr(os, "getuid", lambda: us + 1)
        assert port_owner(door.getsockname()[1]) == "A program of another user"
