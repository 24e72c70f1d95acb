import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.ledger.engine import Ledger
from app.ledger.meter_state import request_stop, running_meter
from app.services.exports.running import running_exports
from tests.cli.conftest import Bursar
from tests.end2end.meter_process import wait_until

pytestmark = pytest.mark.end2end


@contextmanager
def _proxy(*arguments: str, stdin: str = "") -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """A running `bursar proxy` and where it listens."""
    running = subprocess.Popen(
        [sys.executable, "-m", "app", "proxy", "--gateway-port", "0", "--forward-port", "0", *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert running.stdin is not None
        assert running.stdout is not None
        running.stdin.write(stdin)
        running.stdin.flush()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", running.stdout.readline())
        assert found, running.communicate(timeout=10)
        yield running, found.group(0)
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)


def _health(url: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/bursar/health")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_listens_and_stops_when_told_to(ledger: Ledger, number: int) -> None:
    with _proxy() as (running, url):
        assert _health(url) == 200
        running.send_signal(number)
        _, told = running.communicate(timeout=30)
    assert running.returncode == 0
    assert "The meter has stopped." in told
    assert running_meter(ledger) is None


def test_its_meter_that_is_killed_is_back_at_the_same_place(ledger: Ledger) -> None:
    with _proxy() as (_, url):
        first = running_meter(ledger)
        assert first is not None
        os.kill(first.pid, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while (second := running_meter(ledger)) is None or second.pid == first.pid:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert second.gateway_url == first.gateway_url == url
        assert _health(url) == 200


def test_it_runs_the_exports_and_ends_when_somebody_asks_the_meter_to(ledger: Ledger) -> None:
    with _proxy() as (running, _):
        wait_until(lambda: (now := running_exports(ledger.path)) and now.holder == "bursar proxy", "the exports", 30)
        meter = running_meter(ledger)
        assert meter is not None
        request_stop(ledger, meter.instance_id)
        assert running.wait(timeout=30) == 0
    assert running_exports(ledger.path) is None


def test_a_second_one_is_told_where_the_first_is(bursar: Bursar) -> None:
    with _proxy("--keys-from-stdin", stdin=json.dumps({"openai": "sk-x"}) + "\n") as (_, url):
        ran = bursar("proxy")
    assert (ran.status, ran.err.splitlines()[0]) == (1, "A meter is running already")
    assert url in ran.err


def test_a_port_in_use_is_told(bursar: Bursar) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = bursar("proxy", "--gateway-port", str(port), "--forward-port", "0")
    assert ran.status == 1
    assert str(port) in ran.err


@pytest.mark.parametrize("text", ["", "{", "[]", '{"openai": 5}'])
def test_keys_that_cannot_be_read_are_told_and_not_repeated(bursar: Bursar, text: str) -> None:
    ran = bursar("proxy", "--keys-from-stdin", stdin=text)
    assert (ran.status, ran.err.splitlines()[0]) == (1, "No keys on standard input")


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (("--listen", "0.0.0.0:8443"), "“0.0.0.0:8443” is no place to listen"),
        (("--listen-name", "host.docker.internal"), "Nowhere to listen"),
        (("--listen", "198.18.77.9:8443"), "The meter cannot listen at 198.18.77.9:8443"),
    ],
)
def test_a_place_on_the_network_that_cannot_be_had_is_told(
    bursar: Bursar, arguments: tuple[str, ...], title: str
) -> None:
    ran = bursar("proxy", "--gateway-port", "0", "--forward-port", "0", *arguments)
    assert (ran.status, ran.err.splitlines()[0]) == (1, title)


def test_it_listens_for_agents_elsewhere_and_its_certificate_is_told(bursar: Bursar) -> None:
    assert bursar("ca").err.splitlines()[0] == "There is no certificate yet"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    with _proxy("--listen", place, "--listen-name", "meter.test"):
        context = ssl.create_default_context(cadata=bursar("ca").out)
        host, _, port = place.partition(":")
        with socket.create_connection((host, int(port)), timeout=20) as plain:
            context.wrap_socket(plain, server_hostname="meter.test").close()
