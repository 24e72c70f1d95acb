"""The meter as agents in containers and on other machines reach it: here from a network namespace of their own."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.provider import Provider, chat_completion

NAME = "host.docker.internal"
HERE, THERE = "198.18.77.1", "198.18.77.2"
"""Of the range that is kept for tests of networks (RFC 2544)."""

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None,
        reason="only root can make a network namespace, with iproute2",
    ),
]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A network namespace, joined to this one by a cable."""
    name, cable = f"bursar-{os.getpid()}", f"bu{os.getpid()}"
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError:
        pytest.skip("network namespaces are not allowed here")
    try:
        _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("addr", "add", f"{HERE}/30", "dev", cable)
        _ip("link", "set", cable, "up")
        _ip("-n", name, "addr", "add", f"{THERE}/30", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        yield name
    finally:
        _ip("netns", "delete", name)


@pytest.fixture
def place(container: str) -> str:
    """A free port of this side."""
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return f"{HERE}:{probe.getsockname()[1]}"


@pytest.fixture
def running(home: Path, provider: Provider, place: str) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(10, 5)
    with meter(home, {"openai": provider.url}, extra=("--listen", place, "--listen-name", NAME)) as started:
        yield started


def _inside(container: str, code: str, **environment: str) -> Any:
    """What a program in the container says as JSON. It knows nothing of this side but what it is given."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    line = ["ip", "netns", "exec", container, sys.executable, "-c", code]
    done = subprocess.run(line, env=kept | environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _ca(running: RunningMeter) -> str:
    return str(running.home / "meter" / "mitmproxy-ca-cert.pem")


SDK = """
import json, openai
client = openai.OpenAI(max_retries=0, timeout=20)
try:
    said = client.chat.completions.create(model="gpt-5-mini", messages=[]).choices[0].message.content
except openai.APIError as error:
    said = type(error).__name__
print(json.dumps(said))
"""


def test_a_real_sdk_in_another_namespace_reaches_it_with_key_and_certificate_and_not_without(
    running: RunningMeter, provider: Provider, container: str, place: str
) -> None:
    url = {"OPENAI_BASE_URL": f"https://{place}/openai/v1"}
    key, trust = {"OPENAI_API_KEY": running.token}, {"SSL_CERT_FILE": _ca(running)}
    assert _inside(container, SDK, **url, **key, **trust) == "done"
    assert running.calls(1)[0].tags.project == "billing-api"
    assert provider.seen[0].headers["authorization"] == "Bearer sk-real"
    assert _inside(container, SDK, **url, **key) == "APIConnectionError"
    assert _inside(container, SDK, **url, **trust, OPENAI_API_KEY="sk-own") == "AuthenticationError"
    assert len(provider.seen) == 1


STRANGER = """
import json, socket, ssl
told = []
for head in {heads}:
    sock = socket.create_connection(({here!r}, {port}), timeout=20)
    sock = ssl.create_default_context(cafile={ca!r}).wrap_socket(sock, server_hostname={here!r})
    start = "POST /openai/v1/chat/completions HTTP/1.1\\r\\nhost: {here}:{port}\\r\\n"
    sock.sendall((start + head + "\\r\\n\\r\\n").encode())
    try:
        told.append(sock.recv(65536).decode().partition(" ")[2][:3])
    except ConnectionResetError:
        told.append("")
    sock.close()
print(json.dumps(told))
"""


def test_a_stranger_is_not_waited_for(running: RunningMeter, provider: Provider, container: str, place: str) -> None:
    """Nothing of these bodies is ever sent: the answer, or the end, comes to the headers alone."""
    heads = [
        "content-length: 50000000",
        "transfer-encoding: chunked",
        "content-length: 50000000\r\nauthorization: Bearer x",
    ]
    code = STRANGER.format(heads=heads, here=HERE, port=place.rpartition(":")[2], ca=_ca(running))
    assert _inside(container, code) == ["", "", ""]
    assert provider.seen == []


REQUESTS = """
import json, socket, ssl
place, ca, token, requests = {given}
told = []
for encrypted, name, headers in requests:
    sock = socket.create_connection((place[0], place[1]), timeout=20)
    if encrypted:
        sock = ssl.create_default_context(cafile=ca).wrap_socket(sock, server_hostname=name)
    lines = ["GET /bursar/budget HTTP/1.1", "connection: close", "authorization: Bearer " + token, *headers]
    sock.sendall(("\\r\\n".join(lines) + "\\r\\n\\r\\n").encode())
    answer = b""
    while chunk := sock.recv(65536):
        answer += chunk
    sock.close()
    told.append([int(answer.split()[1]), len(answer.partition(b"\\r\\n\\r\\n")[2]) > 0])
print(json.dumps(told))
"""


def test_it_is_called_by_the_names_that_were_given_and_encrypted_only(
    running: RunningMeter, container: str, place: str
) -> None:
    port = place.rpartition(":")[2]
    requests = [
        (True, HERE, [f"host: {place}"]),
        (True, NAME, [f"host: {NAME}:{port}"]),
        (False, "", [f"host: {place}"]),
        (True, HERE, [f"host: 127.0.0.1:{port}"]),
        (True, HERE, [f"host: localhost:{port}"]),
        (True, HERE, ["host: attacker.test"]),
        (True, HERE, [f"host: {HERE}"]),
        (True, HERE, [f"host: {place}", "origin: https://attacker.test"]),
        (True, HERE, [f"host: {place}", "sec-fetch-site: cross-site"]),
    ]
    given = repr(((HERE, int(port)), _ca(running), running.token, requests))
    answers = _inside(container, REQUESTS.replace("{given}", given))
    assert answers == [[200, True], [200, True], *[[403, False]] * 7]


def test_its_certificate_is_good_for_no_other_name_and_the_ports_on_loopback_stay_there(
    running: RunningMeter, container: str, place: str
) -> None:
    ports = [int(url.rpartition(":")[2]) for url in (running.gateway, running.forward)]
    code = f"""
import json, socket, ssl
told = []
for name in ({HERE!r}, {NAME!r}, "127.0.0.1", "example.com"):
    sock = socket.create_connection(({HERE!r}, {place.rpartition(":")[2]}), timeout=20)
    try:
        ssl.create_default_context(cafile={_ca(running)!r}).wrap_socket(sock, server_hostname=name).close()
        told.append("fine")
    except ssl.SSLCertVerificationError:
        told.append("refused")
    sock.close()
for port in {ports}:
    with socket.socket() as client:
        client.settimeout(20)
        told.append(client.connect_ex(({HERE!r}, port)) == 0)
print(json.dumps(told))
"""
    assert _inside(container, code) == ["fine", "fine", "refused", "refused", False, False]
