"""What the writer makes of a meter that is gone, in a thread of this process."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.core.errors import LedgerError
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from proxy_addon.packets import packed, received
from proxy_addon.writer import Raised, Writer

PATIENCE_S = 20.0
_begun, _goes_on = threading.Event(), threading.Event()
_written: list[int] = []
_desks: list[Desk] = []


@pytest.fixture(autouse=True)
def _anew() -> None:
    _begun.clear()
    _goes_on.clear()
    _written.clear()
    _desks.clear()


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


class _Note:
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, _desk: Desk) -> None:
        _written.append(self.number)


def _hold_up(desk: Desk) -> None:
    _tell_desk(desk)
    _begun.set()
    assert _goes_on.wait(PATIENCE_S)


def _tell_desk(desk: Desk) -> int:
    """By it the transaction is known."""
    _desks.append(desk)
    return id(desk)


def _break_ledger(_desk: Desk) -> None:
    raise LedgerError("The ledger cannot be written", "The disk fails.")


@contextmanager
def _writing(ledger: Ledger) -> Iterator[socket.socket]:
    """A line to a writer that works, and has written all when this is over."""
    ours, theirs = socket.socketpair()
    ours.settimeout(PATIENCE_S)
    writing = threading.Thread(target=Writer(theirs, ledger).work)
    writing.start()
    with theirs, ours:
        yield ours
        ours.shutdown(socket.SHUT_WR)
        writing.join(PATIENCE_S)
