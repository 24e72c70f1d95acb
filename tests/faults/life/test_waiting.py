"""What strikes while a call waits for a person: it waits on, or is over with nothing held and nothing sent."""

import http.client
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.caps import Action
from app.ledger import places
from app.ledger.approval_store import approve, waiting
from app.ledger.backups import back_up
from app.ledger.cap_store import cap_statuses
from app.ledger.restoring import restore_ledger
from app.ledger.verification import verify_ledger
from app.services.keeper import is_running, renew_meter
from tests.end2end.conftest import module_home  # noqa: F401 - a fixture
from tests.end2end.meter_process import wait_until
from tests.end2end.provider import Answer, Provider, chat_completion
from tests.faults.cells import cell
from tests.faults.life.kept import Kept, is_another, kept_meter
from tests.faults.life.test_meter import called
from tests.ledger.bookkeeping import set_cap

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(sys.platform == "win32", reason="there is no keeper on Windows"),
]
WAITS = "while a call waits for a person"
LOCKED_S = 1.0


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(lambda _seen: chat_completion(10, 5)).running() as running:
        yield running


@pytest.fixture(scope="module")
def kept(module_home: Path, provider: Provider) -> Iterator[Kept]:  # noqa: F811
    with kept_meter(module_home, {"openai": provider.url}, most_deaths=100) as started:
        set_cap(started.ledger, 1, action=Action.PAUSE)
        yield started


@pytest.fixture
def asking(kept: Kept, provider: Provider) -> Iterator[http.client.HTTPConnection]:
    """A call that waits; nothing of it has been sent."""
    provider.answer = lambda _seen: chat_completion(10, 5)
    provider.seen.clear()
    with called(kept) as connection:
        wait_until(lambda: waiting(kept.ledger), "a question")
        assert provider.seen == []
        yield connection


def answer_yes(kept: Kept) -> None:
    (question,) = waiting(kept.ledger)
    approve(kept.ledger, question.approval_id, by="me")


def is_settled(kept: Kept) -> bool:
    return all(status.held_nano_usd == 0 for status in cap_statuses(kept.ledger, datetime.now(UTC)))


def goes_once_it_is_approved(kept: Kept, provider: Provider, asking: http.client.HTTPConnection) -> None:
    answer_yes(kept)
    assert asking.getresponse().status == 200
    assert len(provider.seen) == 1
    wait_until(lambda: is_settled(kept), "the call to be settled")
    assert waiting(kept.ledger) == []
    assert verify_ledger(kept.ledger).differences == ()


@cell("F1", "meter killed", WAITS, "the question is closed; nothing is held or sent; the next call is asked about anew")
def test_a_killed_meter_closes_its_questions(
    kept: Kept, provider: Provider, asking: http.client.HTTPConnection
) -> None:
    before = kept.kill_meter()
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        asking.getresponse()
    kept.wait_for_another(before)
    wait_until(lambda: waiting(kept.ledger) == [], "the question to be closed")
    assert is_settled(kept)
    assert provider.seen == []
    with called(kept) as again:
        wait_until(lambda: waiting(kept.ledger), "a question about the next call")
        goes_once_it_is_approved(kept, provider, again)


@cell("F48", "meter replaced", WAITS, "it goes once it is approved, on the old meter")
def test_a_call_of_a_replaced_meter_goes_once_it_is_approved(
    kept: Kept, provider: Provider, asking: http.client.HTTPConnection
) -> None:
    before = kept.keeper()
    renew_meter(before)
    wait_until(lambda: is_another(kept.ledger.path, before), "another meter", 60)
    goes_once_it_is_approved(kept, provider, asking)
    wait_until(lambda: not is_running(before.meter_pid), "the old meter to end", 60)


@cell("F9", "locked by another program", WAITS, "it waits on, and goes once it is approved")
def test_a_call_waits_on_while_the_ledger_is_locked(
    kept: Kept, provider: Provider, asking: http.client.HTTPConnection
) -> None:
    with closing(sqlite3.connect(kept.ledger.path, isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        time.sleep(LOCKED_S)
        lock.execute("ROLLBACK")
    goes_once_it_is_approved(kept, provider, asking)


@cell("F11", "file deleted", WAITS, "it waits on, and goes once it was restored and is approved")
def test_a_call_waits_on_while_the_ledger_is_gone(
    kept: Kept, provider: Provider, asking: http.client.HTTPConnection
) -> None:
    path = kept.ledger.path
    back_up(path, datetime.now(UTC))
    for ending in ("", "-wal", "-shm"):
        places.beside(path, ending).unlink(missing_ok=True)
    with called(kept) as other:
        assert other.getresponse().status == 503
    restore_ledger(path, datetime.now(UTC))
    goes_once_it_is_approved(kept, provider, asking)


@cell("F16", "provider fails", "when a person has let a call go", "its answer goes on; nothing is charged or held")
def test_a_call_that_fails_after_its_approval_costs_nothing(
    kept: Kept, provider: Provider, asking: http.client.HTTPConnection
) -> None:
    (before,) = cap_statuses(kept.ledger, datetime.now(UTC))
    provider.answer = lambda _seen: Answer([b'{"error": {"message": "no"}}'], status=500)
    answer_yes(kept)
    assert asking.getresponse().status == 500
    wait_until(lambda: is_settled(kept), "the money to be given back")
    (after,) = cap_statuses(kept.ledger, datetime.now(UTC))
    assert after.spent_nano_usd == before.spent_nano_usd


@cell("F3", "keeper killed", WAITS, "it goes once it is approved: the meter lives on")
def test_a_call_goes_on_without_the_keeper(kept: Kept, provider: Provider, asking: http.client.HTTPConnection) -> None:
    os.kill(kept.keeper().pid, signal.SIGKILL)
    goes_once_it_is_approved(kept, provider, asking)
