"""The two processes of a meter: what becomes of either when the other is killed."""

import http.client
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app import paths
from app.core.call import Outcome
from app.ledger.call_store import recent_calls
from app.ledger.meter_state import running_meter
from app.ledger.verification import verify_ledger
from tests.end2end.bare_http import CHAT, post
from tests.end2end.conftest import home  # noqa: F401 - a fixture
from tests.end2end.meter_process import RunningMeter, meter, wait_until, writer_of
from tests.end2end.provider import Answer, Provider, chat_completion
from tests.faults.cells import cell
from tests.faults.life.clients import BODY, Clients
from tests.faults.life.kept import kept_meter

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(sys.platform != "linux", reason="its processes are found in /proc"),
]
CLIENTS = 10
LISTENS = "0A"
"""State of a socket in /proc/net/tcp."""
ASKING = json.dumps(json.loads(BODY) | {"stream": True, "stream_options": {"include_usage": True}}).encode()
STREAM = [
    b'data: {"id":"1","model":"gpt-5-mini","choices":[{"index":0,"delta":{"content":"word"}}]}\n\n',
    b'data: {"id":"1","model":"gpt-5-mini","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"1","model":"gpt-5-mini","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5}}\n\n',
    b"data: [DONE]\n\n",
]


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as running:
        yield running


@pytest.fixture
def doomed(home: Path, provider: Provider) -> Iterator[RunningMeter]:  # noqa: F811
    with meter(home, {"openai": provider.url}, is_doomed=True) as running:
        yield running


@cell("F1", "writer killed", "10 clients call", "the meter ends with it, another begins; no connection is refused")
def test_a_meter_whose_writer_is_killed_ends_at_once_and_no_call_is_lost(
    home: Path,  # noqa: F811
    provider: Provider,
) -> None:
    with kept_meter(home, {"openai": provider.url}) as kept:
        with Clients(kept.gateway, kept.token, CLIENTS) as clients:
            wait_until(lambda: clients.ended["answered"] >= CLIENTS, "the first answers", 60)
            before = kept.keeper()
            assert not _listening_sockets() & _sockets_of(writer_of(before.meter_pid))
            os.kill(writer_of(before.meter_pid), signal.SIGKILL)
            kept.wait_for_another(before)
            answered = clients.ended["answered"]
            wait_until(lambda: clients.ended["answered"] >= answered + CLIENTS, "answers again", 60)
        assert set(clients.ended) <= {"answered", "cut"}
        wait_until(lambda: len(recent_calls(kept.ledger, 100_000)) >= len(provider.seen), "all that was sent")
        assert verify_ledger(kept.ledger).differences == ()


@cell("F1", "meter killed", "a call is on its way and no meter follows", "its writer closes the books at once")
def test_a_killed_meter_leaves_its_books_in_order(doomed: RunningMeter, provider: Provider) -> None:
    release = threading.Event()
    answer = chat_completion(10, 5)
    answer.before_each_chunk = lambda _number: _wait(release)
    provider.answer = lambda _seen: answer
    with ThreadPoolExecutor(1) as pool:
        call_made = pool.submit(post, doomed, CHAT, BODY)
        wait_until(lambda: provider.seen, "the call to be sent")
        doomed.process.kill()
        assert call_made.exception(20) is not None
    release.set()
    (call,) = doomed.calls(1)
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "meter_died")
    wait_until(lambda: running_meter(doomed.ledger) is None, "the end of its writer")
    assert verify_ledger(doomed.ledger).differences == ()


@cell("F1", "meter killed", "an answer's usage is told and not written yet", "written all the same, at its true cost")
def test_what_a_meter_had_told_before_it_was_killed_is_written(doomed: RunningMeter, provider: Provider) -> None:
    lock = sqlite3.connect(doomed.ledger.path, isolation_level=None, check_same_thread=False)
    release = threading.Event()

    def before_each(number: int) -> None:
        if number == len(STREAM) - 1:
            _wait(release)
        elif number == 1:
            lock.execute("BEGIN IMMEDIATE")

    provider.answer = lambda _seen: Answer(
        STREAM, headers={"content-type": "text/event-stream"}, before_each_chunk=before_each
    )
    with closing(http.client.HTTPConnection(urlsplit(doomed.gateway).netloc, timeout=20)) as connection:
        connection.request("POST", CHAT, ASKING, {"authorization": f"Bearer {doomed.token}"})
        answer, seen = connection.getresponse(), b""
        while b'"usage"' not in seen:
            seen += answer.read1()
        doomed.process.kill()
        doomed.process.wait()
    release.set()
    lock.execute("ROLLBACK")
    lock.close()
    (call,) = doomed.calls(1)
    assert (call.outcome, call.usage.input_tokens) == (Outcome.COMPLETED, 10)


@cell("F1", "writer killed", "no call is on its way", "the meter ends at once, and its log says why")
def test_a_meter_without_its_writer_lets_nothing_through(doomed: RunningMeter, provider: Provider) -> None:
    os.kill(writer_of(doomed.process.pid), signal.SIGKILL)
    assert doomed.process.wait(20) == 1
    assert provider.seen == []
    assert "the process that writes the ledger has ended" in (paths.log_folder() / "meter.log").read_text()


def test_a_call_that_is_let_go_while_the_meter_stops_is_not_sent_and_holds_nothing(
    doomed: RunningMeter, provider: Provider
) -> None:
    assert post(doomed, CHAT, BODY)[0] == 200  # from now on it is known who holds the key
    lock = sqlite3.connect(doomed.ledger.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    asked = [_asked(doomed) for _ in range(CLIENTS)]
    assert post(doomed, "/bursar/health", b"", method="GET")[0] == 200  # it came later, so those have been read
    doomed.process.terminate()
    wait_until(lambda: _is_closed(doomed), "it to take no further call")
    lock.execute("ROLLBACK")
    lock.close()
    assert doomed.process.wait(20) == 0
    assert ({_status(one) for one in asked}, len(provider.seen)) == ({503}, 1)
    assert len(recent_calls(doomed.ledger, 100)) > 1
    assert verify_ledger(doomed.ledger).differences == ()
    with doomed.ledger.read() as connection:
        held = connection.exec_driver_sql("SELECT count(*) FROM reservations WHERE state = 'held'").scalar()
    assert held == 0
    assert "ERROR" not in (paths.log_folder() / "meter.log").read_text()


def _listening_sockets() -> set[str]:
    """The numbers of all there are."""
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return {row[9] for row in rows if row[3] == LISTENS}


def _sockets_of(pid: int) -> set[str]:
    """The numbers of those that a process has open."""
    links = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _asked(running: RunningMeter, patience_s: float = 20.0) -> http.client.HTTPConnection:
    """A call that was sent, whose answer is still to be read."""
    connection = http.client.HTTPConnection(urlsplit(running.gateway).netloc, timeout=patience_s)
    connection.request("POST", CHAT, BODY, {"x-api-key": running.token, "content-type": "application/json"})
    return connection


def _status(asked: http.client.HTTPConnection) -> int:
    """How it was answered."""
    with closing(asked):
        return asked.getresponse().status


def _is_closed(running: RunningMeter) -> bool:
    """Whether a call is turned away before the ledger is asked, which would not answer."""
    try:
        return _status(_asked(running, patience_s=0.5)) == 503
    except TimeoutError:
        return False
    except OSError:
        return True


def _wait(event: threading.Event) -> None:
    event.wait(20)
