import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from proxy_addon.peer import is_same_user, peer_uid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a socket is")


@pytest.fixture(params=[("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)], ids=["IPv4", "IPv6"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    address, family = request.param
    with socket.create_server((address, 0), family=family) as server:
        server.settimeout(20)
        yield server


def test_own_connection_is_known_as_ours(listener: socket.socket) -> None:
    with socket.create_connection(listener.getsockname()[:2]), listener.accept()[0] as accepted:
        peer, own = accepted.getpeername()[:2], accepted.getsockname()[:2]
        assert peer_uid(peer, own) == os.getuid()
        assert is_same_user(peer, own)


@pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="only root can be another user")
def test_connection_of_another_user_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        port = server.getsockname()[1]
        command = ["/bin/bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}; read -r"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, user=65534, cwd="/") as stranger:
            accepted, peer = server.accept()
            with accepted:
                assert peer_uid(peer, accepted.getsockname()) == 65534
                assert not is_same_user(peer, accepted.getsockname())
            assert stranger.stdin is not None
            stranger.stdin.close()


def test_connection_that_is_not_there_is_unknown_and_let_in(listener: socket.socket) -> None:
    own = listener.getsockname()[:2]
    assert peer_uid((own[0], 1), own) is None
    assert is_same_user((own[0], 1), own)
