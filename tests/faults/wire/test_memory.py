"""What is sent to fill the meter's memory, from either side: it grows by a few megabytes, and others are served."""

import threading
from collections.abc import Iterator

import pytest

from tests.faults.cells import cell
from tests.faults.wire.bare_client import connect, read_answer
from tests.faults.wire.bombs import BOMBS, bomb
from tests.faults.wire.cells import CHUNKED, GOOD, STREAM, begun, chunk, head, kept, sized, stream
from tests.faults.wire.conftest import ASKED, ASKED_STREAM, CHAT, Wire
from tests.faults.wire.misbehaving import Line

pytestmark = pytest.mark.end2end

MEGABYTE = 1024**2
MOST = 16 * MEGABYTE


@pytest.fixture(autouse=True)
def _grows_little(wire: Wire) -> Iterator[None]:
    """Each test leaves the meter's memory about as it was, at its highest, and others' calls as they are."""
    wire.goes_on()
    if not wire.is_warm:
        _warm(wire)
    before = wire.most_resident()
    yield
    grown = wire.most_resident() - before
    assert grown <= MOST, f"the meter grew by {grown / MEGABYTE:.1f} MB"
    wire.goes_on()


def _warm(wire: Wire) -> None:
    """What ordinary large calls need is not counted."""
    large = GOOD[:-1] + b',"x":"' + b"x" * MEGABYTE + b'"}'
    wire.provider.plays["large"] = kept(sized(large))
    wire.provider.plays["large stream"] = kept(stream(STREAM * 1000))
    for _ in range(3):
        assert wire.ask(wire.raw(x_play="large")).body == large
        assert wire.ask(wire.raw(ASKED_STREAM, x_play="large stream")).status == 200
        assert wire.ask(wire.raw(_asked_with(2 * MEGABYTE))).status == 200
    wire.is_warm = True


def _asked_with(size: int) -> bytes:
    return ASKED[:-1] + b',"user":"' + b"x" * size + b'"}'


def _answer_param(name: str) -> object:
    expected = "passed on to the byte; memory grows by 16 MB at most; charged what was held"
    return pytest.param(name, marks=cell("F30", f"a gibibyte in {name}", "in an answer", expected))


@pytest.mark.parametrize("name", [_answer_param(name) for name in BOMBS])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
def test_a_bomb_in_an_answer(wire: Wire, name: str, is_stream: bool) -> None:
    encoding = b"content-encoding: " + name.partition(",")[0].encode()
    wire.provider.plays["bomb"] = kept(stream(bomb(name), encoding) if is_stream else sized(bomb(name), encoding))
    before = wire.money().posted
    answer = wire.ask(wire.raw(ASKED_STREAM if is_stream else ASKED, x_play="bomb"))
    assert (answer.status, answer.is_whole) == (200, True)
    assert answer.body == bomb(name)
    assert wire.money().posted >= before


def _request_param(name: str) -> object:
    return pytest.param(name, marks=cell("F30", f"a gibibyte in {name}", "in a request", "400, nothing sent"))


@pytest.mark.parametrize("name", [_request_param(name) for name in BOMBS])
def test_a_bomb_in_a_request(wire: Wire, name: str) -> None:
    before = len(wire.provider.asked)
    answer = wire.ask(wire.raw(bomb(name), content_encoding=name.partition(",")[0]))
    assert answer.status == 400
    assert len(wire.provider.asked) == before


@cell("F30", "a gibibyte packed in an error that is held back", "in an answer", "no more than 4 MB of it are held")
def test_an_error_without_end_about_a_question_of_ours(wire: Wire) -> None:
    def play(line: Line) -> None:
        line.say(head(CHUNKED, start=b"HTTP/1.1 400 Bad Request"))
        for _ in range(500):
            line.say(chunk(bytes(MEGABYTE)))

    wire.provider.plays["error"] = play
    answer = wire.ask(wire.raw(ASKED[:-1] + b',"stream":true}', x_play="error"))
    assert answer.status in (0, 502)


@cell("F27", "300 MB of fields", "in an answer's head", "cut at 256 kB; 502 in JSON")
def test_fields_without_end_in_an_answer(wire: Wire) -> None:
    told = threading.Event()

    def play(line: Line) -> None:
        try:
            line.say(b"HTTP/1.1 200 OK\r\n")
            for _ in range(300):
                line.say(b"x-more: " + b"v" * MEGABYTE)
        finally:
            told.set()

    wire.provider.plays["flood"] = play
    assert wire.ask(wire.raw(x_play="flood")).status == 502
    assert told.wait(20)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        pytest.param("one field", b"x-more: ", marks=cell("F27", "300 MB in one field", "in a request's head",
                                                        "closed at 256 kB")),
        pytest.param("a first line", b"", marks=cell("F27", "300 MB of a first line", "in a request's head",
                                                     "closed at 256 kB")),
        pytest.param("a TLS greeting", b"\x16\x03\x01\xff\xff\x01\xff\xff\xff", marks=cell(
            "F27", "300 MB of a greeting in TLS", "in a request's head", "closed at 256 kB")),
    ],
)  # fmt: skip
def test_fields_without_end_in_a_request(wire: Wire, name: str, start: bytes) -> None:
    opening = f"POST {CHAT} HTTP/1.1\r\nhost: {wire.host}\r\n".encode() if start.startswith(b"x") else b"POST /"
    with connect(wire.running.gateway) as connection, pytest.raises(ConnectionError):
        connection.sendall((start if name == "a TLS greeting" else opening + start) + b"v" * 300 * MEGABYTE)


@cell("F25", "a body of 100 MB that says so", "in a request", "413 at once, in the provider's words; nothing held")
def test_a_body_that_says_it_is_too_large(wire: Wire) -> None:
    before = len(wire.provider.asked)
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(b"", content_length=str(100 * MEGABYTE)))
        answer = read_answer(connection)
        assert answer.status == 413
        assert b'"error"' in answer.body
    assert len(wire.provider.asked) == before


@cell("F25", "a body of 100 MB that says so, and comes", "in a request", "413, and what comes is dropped")
def test_a_body_that_is_too_large_is_dropped_as_it_comes(wire: Wire) -> None:
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(b"", content_length=str(100 * MEGABYTE)) + bytes(100 * MEGABYTE))
        assert read_answer(connection).status == 413
        assert connection.recv(1) == b""


@cell("F25", "a body for a path that is refused", "in a request", "403 at once, and what comes is dropped")
def test_a_body_for_a_path_that_is_refused_is_dropped_as_it_comes(wire: Wire) -> None:
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(b"", path="/nothing/here", content_length=str(50 * MEGABYTE)))
        assert read_answer(connection).status == 403
        connection.sendall(bytes(50 * MEGABYTE))
        assert connection.recv(1) == b""


@cell("F26", "a client that does not read", "in a stream", "the provider is held up, and nothing is heaped up")
def test_an_answer_that_nobody_reads_is_not_heaped_up(wire: Wire) -> None:
    said = []

    def play(line: Line) -> None:
        line.say(begun(b""))
        for number in range(300):
            line.say(chunk(b": nothing\n\n" * (MEGABYTE // 11)))
            said.append(number)

    wire.provider.plays["fast"] = play
    with connect(wire.running.gateway) as connection:
        connection.sendall(wire.raw(ASKED_STREAM, x_play="fast"))
        assert connection.recv(1)
        wire.goes_on_for(0.5)
    assert len(said) < 300


@cell("F28", "a stream of one line without end", "in a stream", "8 MB of it are held at most")
def test_a_line_without_end(wire: Wire) -> None:
    def play(line: Line) -> None:
        line.say(begun(b"data: "))
        for _ in range(100):
            line.say(chunk(b"x" * MEGABYTE))
        line.say(chunk(b"\n\n" + STREAM), b"0\r\n\r\n")

    wire.provider.plays["line"] = play
    answer = wire.ask(wire.raw(ASKED_STREAM, x_play="line"))
    assert (answer.is_whole, len(answer.body)) == (True, 6 + 100 * MEGABYTE + 2 + len(STREAM))
