"""The real meter, kept: killed and replaced while it is called."""

import http.client
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core.call import Call, Outcome
from app.ledger.call_store import recent_calls
from app.ledger.meter_state import running_meter, unfinished_meters
from app.ledger.verification import verify_ledger
from app.services.keeper import KeeperPhase, is_running, keepers_of, renew_meter
from tests.end2end.bare_http import CHAT
from tests.end2end.conftest import module_home  # noqa: F401 - a fixture
from tests.end2end.meter_process import wait_until
from tests.end2end.provider import Answer, Provider, Seen, chat_completion
from tests.faults.cells import cell
from tests.faults.life.clients import BODY, Clients
from tests.faults.life.kept import Kept, kept_meter
from tests.ledger.bookkeeping import set_cap

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no keeper on Windows"),
]
CLIENTS = 20


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as running:
        yield running


@pytest.fixture(scope="module")
def kept(module_home: Path, provider: Provider) -> Iterator[Kept]:  # noqa: F811
    with kept_meter(module_home, {"openai": provider.url}, most_deaths=100) as started:
        set_cap(started.ledger, 10**12)
        yield started


@pytest.fixture(autouse=True)
def _plain(provider: Provider) -> None:
    provider.answer = lambda _seen: chat_completion(10, 5)


@contextmanager
def called(kept: Kept) -> Iterator[http.client.HTTPConnection]:
    """A connection on which one call was sent."""
    connection = http.client.HTTPConnection(urlsplit(kept.gateway).netloc, timeout=60)
    try:
        connection.request("POST", CHAT, BODY, {"authorization": f"Bearer {kept.token}"})
        yield connection
    finally:
        connection.close()


def post(kept: Kept) -> tuple[int, bytes]:
    """Status and body of one answer."""
    with called(kept) as connection:
        answer = connection.getresponse()
        return answer.status, answer.read()


@cell("F1", "meter killed", "20 clients call", "no connection is refused; calls on their way are charged at worst")
def test_under_20_clients_none_is_refused(
    kept: Kept,
    provider: Provider,
) -> None:
    seen, start = len(provider.seen), datetime.now(UTC)
    with Clients(kept.gateway, kept.token, CLIENTS) as clients:
        wait_until(lambda: clients.ended["answered"] >= CLIENTS, "the first answers", 60)
        before = kept.kill_meter()
        back_s = kept.wait_for_another(before)
        answered = clients.ended["answered"]
        wait_until(lambda: clients.ended["answered"] >= answered + CLIENTS, "answers again", 60)
    print(f"back in {back_s:.2f} s; {dict(clients.ended)}")
    assert clients.ended["refused"] == 0
    assert clients.ended["cut"] <= CLIENTS
    assert set(clients.ended) <= {"answered", "cut"}
    sent = len(provider.seen) - seen
    wait_until(lambda: len(since(kept, start)) >= sent, "all that was sent in the ledger")
    assert verify_ledger(kept.ledger).differences == ()


def since(kept: Kept, start: datetime) -> list[Call]:
    """The calls that began at `start` or later: an earlier test's may end during this one."""
    return [call for call in recent_calls(kept.ledger, 100_000) if call.started_at >= start]


class Held:
    """An answer of several chunks, the last of which waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.has_begun = threading.Event()
        self.body = chat_completion(10, 5).body

    def answer(self, _seen: Seen) -> Answer:
        pieces = [self.body[at : at + 40] for at in range(0, len(self.body), 40)]
        return Answer(pieces, before_each_chunk=self._wait)

    def _wait(self, number: int) -> None:
        if number == 1:
            self.has_begun.set()
            self.go.wait(60)


@cell(
    "F48",
    "meter replaced",
    "20 clients call, half of them on connections that are kept alive",
    "no call is lost, none refused",
)
def test_replaced_under_20_clients_no_call_is_lost(kept: Kept, provider: Provider) -> None:
    half = CLIENTS // 2
    seen = len(provider.seen)
    with (
        Clients(kept.gateway, kept.token, half) as anew,
        Clients(kept.gateway, kept.token, half, keeps_alive=True) as alive,
    ):
        wait_until(lambda: min(anew.ended["answered"], alive.ended["answered"]) >= half, "the first answers", 60)
        before = kept.keeper()
        renew_meter(before)
        kept.wait_for_another(before)
        wait_until(lambda: not is_running(before.meter_pid), "the old one's end", 60)
        answered = alive.ended["answered"]
        wait_until(lambda: alive.ended["answered"] >= answered + half, "answers again", 60)
    assert (set(anew.ended), set(alive.ended)) == ({"answered"}, {"answered"})
    assert len(provider.seen) - seen == anew.ended["answered"] + alive.ended["answered"]


@cell("F48", "meter replaced", "a stream runs", "it goes to its end on the old meter, byte for byte, and is booked")
@cell("F39", "two meters on one ledger", "one leaves", "what it has on its way is not taken for a dead meter's")
def test_a_stream_of_the_old_meter_goes_to_its_end(kept: Kept, provider: Provider) -> None:
    held = Held()
    provider.answer = held.answer
    before = kept.keeper()
    start = datetime.now(UTC)
    with ThreadPoolExecutor(1) as pool:
        stream = pool.submit(post, kept)
        assert held.has_begun.wait(30)
        provider.answer = lambda _seen: chat_completion(10, 5)
        renew_meter(before)
        kept.wait_for_another(before)
        assert post(kept)[0] == 200
        assert is_running(before.meter_pid)
        old, new = sorted(
            (one for one in unfinished_meters(kept.ledger) if one.is_alive), key=lambda one: one.started_at
        )
        assert (old.pid, new.pid) == (before.meter_pid, kept.keeper().meter_pid)
        assert running_meter(kept.ledger) == new
        held.go.set()
        assert stream.result(60) == (200, held.body)
    wait_until(lambda: not is_running(before.meter_pid), "the old one's end", 60)
    assert [call.outcome for call in since(kept, start)] == [Outcome.COMPLETED] * 2
    assert verify_ledger(kept.ledger).differences == ()


@cell("F48", "meter replaced", "a connection is kept alive and silent", "closed after some seconds; the old meter ends")
def test_a_silent_connection_does_not_keep_the_old_meter(kept: Kept) -> None:
    with called(kept) as connection:
        answer = connection.getresponse()
        answer.read()
        assert answer.getheader("connection") != "close"
        before = kept.keeper()
        renew_meter(before)
        wait_until(lambda: not is_running(before.meter_pid), "the old one's end", 60)
    assert post(kept)[0] == 200


@cell("F1", "meter killed", "a stream runs", "the client sees it cut; the call is charged at worst; others go on")
def test_a_stream_that_is_cut_by_a_kill_is_charged_at_worst(kept: Kept, provider: Provider) -> None:
    held = Held()
    provider.answer = held.answer
    start = datetime.now(UTC)
    with called(kept) as connection:
        assert held.has_begun.wait(30)
        answer = connection.getresponse()
        provider.answer = lambda _seen: chat_completion(10, 5)
        before = kept.kill_meter()
        with pytest.raises((http.client.HTTPException, OSError)):
            answer.read()
        held.go.set()
    kept.wait_for_another(before)
    wait_until(lambda: since(kept, start), "the call in the ledger")
    (call,) = since(kept, start)
    assert (call.outcome, call.error_type) == (Outcome.INTERRUPTED, "meter_died")
    assert post(kept)[0] == 200


@cell(
    "F3", "keeper killed, then its meter", "in use", "the meter goes on; after its death both are back at their place"
)
def test_after_its_keeper_and_then_the_meter_were_killed_both_are_back(kept: Kept) -> None:
    before = kept.keeper()
    os.kill(before.pid, signal.SIGKILL)
    wait_until(lambda: not keepers_of(kept.ledger.path), "the keeper's death")
    assert post(kept)[0] == 200, "the meter has the sockets too"
    os.kill(before.meter_pid, signal.SIGKILL)
    wait_until(lambda: keepers_of(kept.ledger.path), "another keeper", 60)
    wait_until(lambda: kept.keeper().phase is KeeperPhase.RUNNING, "another meter", 60)
    assert kept.keeper().gateway_port == before.gateway_port
    assert post(kept)[0] == 200
