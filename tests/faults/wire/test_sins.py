import pytest

from tests.faults.cells import cell
from tests.faults.wire.bare_client import connect, read_answer
from tests.faults.wire.cells import GOOD
from tests.faults.wire.conftest import ASKED, Wire
from tests.faults.wire.sins import LENGTH, SINS, Sin, lines

pytestmark = pytest.mark.end2end


def _param(sin: Sin) -> object:
    return pytest.param(sin, marks=cell(sin.number, sin.fault, sin.phase, sin.expected), id=f"{sin.fault}, {sin.phase}")


@pytest.mark.parametrize("sin", [_param(sin) for sin in SINS])
def test_a_request_that_no_honest_client_sends(wire: Wire, sin: Sin) -> None:
    before, calls = len(wire.provider.asked), wire.running.count()
    answer = wire.ask(sin.raw(wire))
    assert answer.status in sin.statuses
    sent = wire.provider.asked[before:]
    assert [one.body for one in sent] == [ASKED] * sin.sent
    for one in sent:
        assert one.start == "POST /v1/chat/completions HTTP/1.1" or one.start.endswith(" HTTP/1.0")
        assert one.head.lower().count(b"\r\nhost:") == 1
        assert one.head.lower().count(b"\r\ncontent-length:") + one.head.lower().count(b"\r\ntransfer-encoding:") == 1
        assert b"example" not in one.head
    if answer.status == 200:
        assert (answer.body, answer.is_whole) == (GOOD, True)
    assert wire.running.count() >= calls
    wire.goes_on()


@cell("F49", "requests sent ahead", "while the first is answered", "each is judged, sent and answered in its turn")
def test_requests_sent_ahead_are_answered_one_by_one(wire: Wire) -> None:
    before = len(wire.provider.asked)
    with connect(wire.running.gateway) as connection:
        connection.sendall(lines(wire, LENGTH) * 5)
        held = bytearray()
        answers = [read_answer(connection, held) for _ in range(5)]
    assert [(answer.status, answer.body) for answer in answers] == [(200, GOOD)] * 5
    assert [one.body for one in wire.provider.asked[before:]] == [ASKED] * 5
    wire.goes_on()


@cell("F49", "a request behind one that is refused", "while the first is refused", "closed before it is read")
def test_what_follows_a_request_that_cannot_be_read_is_not_read(wire: Wire) -> None:
    before = len(wire.provider.asked)
    answer = wire.ask(lines(wire, LENGTH, b"x-odd : a") + lines(wire, LENGTH))
    assert answer.status == 400
    assert wire.provider.asked[before:] == []
    wire.goes_on()


@cell("F27", "a client that sends ahead without end", "while it is answered", "closed; the call is charged")
def test_a_client_that_sends_ahead_without_end_is_closed(wire: Wire) -> None:
    wire.provider.plays["silent"] = lambda line: line.hang()
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(x_play="silent"))
        with pytest.raises(ConnectionError):
            connection.sendall(b"x" * 100_000_000)
    wire.goes_on()


@cell("F20", "100-continue asked for", "before the body", "told to go on, then answered")
def test_a_client_that_waits_for_a_word_before_its_body_gets_it(wire: Wire) -> None:
    with connect(wire.running.gateway) as connection:
        connection.sendall(lines(wire, LENGTH, b"expect: 100-continue", body=b""))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100")
        connection.sendall(ASKED)
        assert read_answer(connection).body == GOOD
    assert "expect" not in wire.provider.asked[-1].fields
    wire.goes_on()
