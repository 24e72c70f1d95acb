"""Who may not speak to the meter: other users of the machine, with and without a stolen key."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end2end.bare_http import CHAT, post
from tests.end2end.meter_process import RunningMeter, meter, read_event, start_process, stop_process
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
@pytest.mark.parametrize("name", ["", "ledger.sqlite", "meter", "meter/mitmproxy-ca.pem"])
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
