"""What the writer makes of a meter that is gone, in a thread of this process."""

import socket
import threading

import pytest

from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from proxy_addon.packets import packed
from proxy_addon.writer import Writer

PATIENCE_S = 20.0
_begun, _goes_on = threading.Event(), threading.Event()
_written: list[int] = []


@pytest.fixture(autouse=True)
def _anew() -> None:
    _begun.clear()
    _goes_on.clear()
    _written.clear()


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


class _Note:
    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, _desk: Desk) -> None:
        _written.append(self.number)


def _hold_up(_desk: Desk) -> None:
    _begun.set()
    assert _goes_on.wait(PATIENCE_S)
