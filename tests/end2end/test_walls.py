"""Who may not speak to the meter, look into it or stand in its place: other users, and other programs of this one."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end2end import snoop, unprivileged
from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter, read_event, start_process, stop_process, wait_until
from tests.end2end.provider import Provider, chat_completion

pytestmark = pytest.mark.end2end

STRANGER = 65534
BODY = '{"model": "gpt-5-mini", "messages": []}'


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(10, 5)
    with meter(home, {"openai": provider.url}) as started:
        yield started


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can be another user on Linux")
@pytest.mark.parametrize("key", ["stolen", ""])
def test_another_user_is_shown_out_with_and_without_a_key(running: RunningMeter, provider: Provider, key: str) -> None:
    token = running.token if key else "bsr_none"
    head = (
        f"POST {CHAT} HTTP/1.1\\r\\nhost: {running.gateway.removeprefix('http://')}\\r\\nauthorization: Bearer {token}"
    )
    request = f"{head}\\r\\ncontent-length: {len(BODY)}\\r\\nconnection: close\\r\\n\\r\\n{BODY}"
    port = running.gateway.rpartition(":")[2]
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{request}' >&3; cat <&3"
    said = subprocess.run(["/bin/bash", "-c", script], capture_output=True, user=STRANGER, cwd="/", check=False)
    assert said.stdout == b""
    assert provider.seen == []
    assert post(running, CHAT, BODY.encode())[0] == 200, "the owner goes on"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can be another user on Linux")
def test_another_user_can_read_no_file(running: RunningMeter) -> None:
    post(running, CHAT, BODY.encode())
    files = [path for path in running.home.rglob("*") if path.is_file()]
    assert {"ledger.sqlite", "meter.log"} <= {file.name for file in files}
    for path in [running.home, *running.home.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path.name


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has such modes")
@pytest.mark.parametrize("name", ["", "meter/mitmproxy-ca.pem"])
def test_a_meter_whose_files_others_could_open_does_not_start(home: Path, name: str) -> None:
    with meter(home, {}):
        pass
    place = home / name
    mode = place.stat().st_mode & 0o777
    place.chmod(0o755)
    with start_process(home, {}) as process:
        said = read_event(process)
        stop_process(process)
    assert (process.returncode, said["title"]) == (3, "Others may open Bursar's files")
    assert str(said["message"]) == f"{place} has mode 755. Close it with: chmod {mode:o} {place}"
    assert place.stat().st_mode & 0o777 == 0o755, "a person's doing is not undone in silence"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps programs of one user apart")
def test_a_program_of_the_same_user_cannot_look_into_the_meter(home: Path) -> None:
    with meter(home, {}, before=UNPRIVILEGED) as running:
        assert snooped(running.process.pid) == []
    with subprocess.Popen([*UNPRIVILEGED, sys.executable, "-c", OPEN_BOOK], stdin=subprocess.PIPE) as other:
        wait_until(lambda: "environ" in snooped(other.pid), "a look into another program: the meter kept this one out")
        assert other.stdin is not None
        other.stdin.close()


UNPRIVILEGED = (sys.executable, unprivileged.__file__)
OPEN_BOOK = "import sys; sys.stdin.read()"


def snooped(pid: int) -> list[str]:
    """What another program of this user can open of a process."""
    command = [*UNPRIVILEGED, sys.executable, snoop.__file__, str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can be another user on Linux")
def test_another_user_reads_none_of_our_files_where_the_folder_around_them_is_open(provider: Provider) -> None:
    provider.answer = lambda _seen: chat_completion(10, 5)
    with tempfile.TemporaryDirectory() as around, pytest.MonkeyPatch.context() as patch:
        Path(around).chmod(0o755)
        (home := Path(around) / "home").mkdir(mode=0o700)
        patch.setenv("BURSAR_HOME", str(home))
        with meter(home, {"openai": provider.url}) as running:
            post(running, CHAT, BODY.encode())
            paths = [home, *home.rglob("*")]
            assert {"ledger.sqlite", "ledger.sqlite-wal", "meter.log", "mitmproxy-ca.pem"} <= {
                one.name for one in paths
            }
            for path in paths:
                command = ["ls" if path.is_dir() else "cat", str(path)]
                done = subprocess.run(command, capture_output=True, user=STRANGER, group=STRANGER, cwd="/", check=False)
                assert (done.returncode != 0, done.stdout) == (True, b""), path.name
            (Path(around) / "open").write_text("readable")
            seen = subprocess.run(
                ["cat", Path(around) / "open"], capture_output=True, user=STRANGER, cwd="/", check=True
            )
            assert seen.stdout == b"readable", "the stranger can read what is there to be read"


SQUAT = """
import socket, sys
taken = []
for address in ("127.0.0.1", "0.0.0.0", "::"):
    for flags in ((), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as squatter:
            for flag in flags:
                squatter.setsockopt(socket.SOL_SOCKET, flag, 1)
            if ":" in address:
                squatter.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                squatter.bind((address, int(sys.argv[1])))
                squatter.listen()
                taken.append(address)
            except OSError:
                pass
print(*taken)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how ports are shared was looked at on Linux")
def test_nobody_listens_beside_a_running_meter(running: RunningMeter) -> None:
    for url in (running.gateway, running.forward):
        port = url.rpartition(":")[2]
        done = subprocess.run([sys.executable, "-c", SQUAT, port], capture_output=True, text=True, check=True)
        assert done.stdout.split() == []


def test_a_port_that_somebody_took_is_told_and_no_other_is_taken_instead(home: Path) -> None:
    with meter(home, {}), socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        for option in ("--gateway-port", "--forward-port"):
            with start_process(home, {}, extra=(option, str(taken))) as process:
                said = read_event(process)
                stop_process(process)
            assert (process.returncode, said["title"]) == (3, f"Port {taken} is in use")
