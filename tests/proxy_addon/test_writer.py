"""What the writer makes of a meter that is gone, in a thread of this process."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.core.errors import DiskFull, LedgerError
from app.ledger import ballast
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from app.ledger.meter_state import is_paused, pause_everything
from proxy_addon import writer
from proxy_addon.packets import packed, received
from proxy_addon.writer import News, Raised, Writer
from tests.end2end.meter_process import wait_until

PATIENCE_S = 20.0
_begun, _goes_on, _is_full = threading.Event(), threading.Event(), threading.Event()
_written: list[int] = []
_desks: list[Desk] = []


@pytest.fixture(autouse=True)
def _anew() -> None:
    _begun.clear()
    _goes_on.clear()
    _is_full.clear()
    _written.clear()
    _desks.clear()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that has room for what is in its ballast, and no more."""
    monkeypatch.setattr(ballast, "give_up", lambda _path: True)
    monkeypatch.setattr(ballast, "take_on", lambda _path: False)
    monkeypatch.setattr(writer, "RETRY_AFTER_S", 0.01)


def test_what_a_meter_said_before_it_died_is_written_though_its_answers_go_nowhere(ledger: Ledger) -> None:
    ours, theirs = socket.socketpair()
    writing = threading.Thread(target=Writer(theirs, ledger).work)
    writing.start()
    ours.sendall(packed(_hold_up, 1))
    assert _begun.wait(PATIENCE_S)
    for number in range(100):
        ours.sendall(packed(_Note(number)))
    ours.close()
    _goes_on.set()
    writing.join(PATIENCE_S)
    theirs.close()
    assert _written == list(range(100))


def test_a_question_that_comes_while_an_ending_is_written_is_committed_with_it(ledger: Ledger) -> None:
    with _writing(ledger) as line:
        line.sendall(packed(_hold_up))
        assert _begun.wait(PATIENCE_S)
        line.sendall(packed(_tell_desk, 1))
        _goes_on.set()
        assert received(line) == id(_desks[0])
    assert (len(_desks), len(set(map(id, _desks)))) == (2, 1)


def test_an_ending_whose_transaction_fails_with_a_question_is_written_again(ledger: Ledger) -> None:
    with _writing(ledger) as line:
        line.sendall(packed(_hold_up))
        assert _begun.wait(PATIENCE_S)
        line.sendall(packed(_break_ledger, 1))
        _goes_on.set()
        assert isinstance(received(line), Raised)
    assert (len(_desks), len(set(map(id, _desks)))) == (2, 2)


def test_on_a_full_disk_a_question_does_not_come_in_with_an_ending(full: None, ledger: Ledger) -> None:
    with _writing(ledger) as line:
        line.sendall(packed(_hold_up_after_full_disk))
        assert _begun.wait(PATIENCE_S)
        line.sendall(packed(_tell_desk, 1))
        _goes_on.set()
        said = received(line)
        assert isinstance(said, Raised)
        assert isinstance(said.error, DiskFull)
    assert len(_desks) == 1


def test_orders_are_heard_on_a_full_disk_however_many_ask(full: None, ledger: Ledger) -> None:
    seen: list[bool] = []

    def look() -> list[News]:
        seen.append(is_paused(ledger))
        return []

    def is_heard() -> bool:
        line.sendall(packed(_tell_desk, 1))
        assert isinstance(received(line), Raised)
        return seen[-1]

    with _writing(ledger, look) as line:
        line.sendall(packed(_fill_disk, 1))
        assert isinstance(received(line), Raised)
        wait_until(lambda: seen, "a look")
        pause_everything(ledger, by="me")
        wait_until(is_heard, "an order")


def test_an_order_that_stands_is_told_again_and_again_and_then_not_any_more(ledger: Ledger) -> None:
    standing = [News("cut")] * 3

    with _writing(ledger, lambda: [standing.pop()] if standing else []) as line:
        assert [received(line) for _ in range(3)] == [News("cut")] * 3
        line.sendall(packed(_tell_desk, 1))
        assert received(line) == id(_desks[0])


class _Note:
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, _desk: Desk) -> None:
        _written.append(self.number)


def _hold_up(desk: Desk) -> None:
    _tell_desk(desk)
    _begun.set()
    assert _goes_on.wait(PATIENCE_S)


def _hold_up_after_full_disk(desk: Desk) -> None:
    if not _is_full.is_set():
        _is_full.set()
        _fill_disk(desk)
    _hold_up(desk)


def _fill_disk(_desk: Desk) -> None:
    raise DiskFull("The disk is full", "Free some space.")


def _tell_desk(desk: Desk) -> int:
    """By it the transaction is known."""
    _desks.append(desk)
    return id(desk)


def _break_ledger(_desk: Desk) -> None:
    raise LedgerError("The ledger cannot be written", "The disk fails.")


@contextmanager
def _writing(ledger: Ledger, look: Callable[[], list[News]] = list) -> Iterator[socket.socket]:
    """A line to a writer that works, and has written all when this is over."""
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    writing = threading.Thread(target=Writer(theirs, ledger, look=look).work)
    writing.start()
    with theirs, ours:
        yield ours
        ours.shutdown(socket.SHUT_WR)
        writing.join(PATIENCE_S)
