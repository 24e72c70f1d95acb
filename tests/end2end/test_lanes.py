"""What could be read in two ways is refused or goes on as one request, by either lane, and both say the same of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httptools
import pytest

from app.core.lanes import LANES
from tests.end2end.meter_process import RunningMeter, meter
from tests.end2end.raw_provider import RawProvider
from tests.faults.wire.bare_client import connect, read_answer

pytestmark = pytest.mark.end2end

BODY = b'{"model":"gpt-5-mini","messages":[]}'
INNER = b"GET /v1/inner HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d" % len(BODY)
CHUNKED = b"Transfer-Encoding: chunked"
LINE = b"POST /openai/v1/chat/completions HTTP/1.1"


@dataclass(frozen=True)
class Form:
    """One way to send a request. HOST and TOKEN stand for what only the running meter knows."""

    fields: tuple[bytes, ...] = (LENGTH,)
    body: bytes = BODY
    line: bytes = LINE
    host: bytes = b"Host: HOST"
    newline: bytes = b"\r\n"
    before: bytes = b""

    def raw(self, running: RunningMeter) -> bytes:
        """Its bytes."""
        host = urlsplit(running.gateway).netloc.encode()
        fields = [self.line, self.host, b"x-api-key: TOKEN", b"content-type: application/json", *self.fields]
        head = self.newline.join([one for one in fields if one]) + self.newline * 2
        return self.before + head.replace(b"HOST", host).replace(b"TOKEN", running.token.encode()) + self.body


GOOD = {
    "plain": Form(),
    "chunks": Form((CHUNKED,), CHUNKS),
    "chunk extension": Form((CHUNKED,), CHUNKS.replace(b"\r\n{", b";x=y\r\n{")),
    "trailer": Form((CHUNKED,), CHUNKS[:-2] + b"X-Trailer: t\r\n\r\n"),
    "empty line first": Form(before=b"\r\n"),
    "a length twice as a list": Form((LENGTH, b"Accept: a", b"Accept: b")),
}
BAD = {
    "CL.TE": Form((LENGTH, CHUNKED), b"0\r\n\r\n" + INNER),
    "TE.CL": Form((CHUNKED, b"Content-Length: 4"), CHUNKS + INNER),
    "TE.TE": Form((CHUNKED, b"Transfer-Encoding: identity"), CHUNKS),
    "TE.TE, hidden": Form((CHUNKED, b"Transfer-encoding: x"), CHUNKS),
    "CL.CL": Form((LENGTH, b"Content-Length: 0"), BODY + INNER),
    "TE that is none": Form((b"Transfer-Encoding: xchunked",), CHUNKS),
    "TE, chunked first": Form((b"Transfer-Encoding: chunked, identity",), CHUNKS),
    "TE behind a space": Form((b"Transfer-Encoding : chunked", LENGTH), BODY),
    "TE in a folded line": Form((b"X: y", b" Transfer-Encoding: chunked", LENGTH), BODY),
    "TE behind a vertical tab": Form((b"Transfer-Encoding: \x0bchunked",), CHUNKS),
    "TE behind a bare CR": Form((b"X: y\rTransfer-Encoding: chunked", LENGTH), BODY),
    "TE behind a bare LF": Form((b"X: y\nTransfer-Encoding: chunked", LENGTH), BODY),
    "TE with NUL": Form((b"Transfer-Encoding: chunked\x00", LENGTH), BODY),
    "TE in HTTP/1.0": Form((CHUNKED,), CHUNKS, line=LINE.replace(b"1.1", b"1.0")),
    "negative length": Form((b"Content-Length: -1",)),
    "length with a sign": Form((b"Content-Length: +%d" % len(BODY),)),
    "length with an underscore": Form((b"Content-Length: 3_6",)),
    "a list of lengths": Form((b"Content-Length: %d, %d" % (len(BODY), len(BODY)),)),
    "length in hex": Form((b"Content-Length: 0x24",)),
    "length behind a NUL": Form((b"X: \x00", LENGTH)),
    "space before a colon": Form((LENGTH, b"X-Name : y")),
    "no colon": Form((LENGTH, b"X-Name")),
    "bare LF": Form(newline=b"\n"),
    "two hosts": Form((b"Host: b.example", LENGTH)),
    "no host": Form(host=b""),
    "another host in the target": Form(line=LINE.replace(b" /", b" http://b.example/")),
    "chunk size without end": Form((CHUNKED,), b"fffffffffffffffffffff\r\n" + BODY),
    "negative chunk": Form((CHUNKED,), b"-24\r\n" + BODY),
    "chunk size that is none": Form((CHUNKED,), b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "chunk that is longer": Form((CHUNKED,), b"2\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "HTTP/2": Form(line=LINE.replace(b"1.1", b"2.0")),
    "two spaces": Form(line=LINE.replace(b" HTTP", b"  HTTP")),
    "target with a space": Form(line=LINE.replace(b" HTTP", b" /b HTTP")),
}
ROUNDABOUT = {
    "a request in the body": Form((b"Content-Length: %d" % len(BODY + INNER),), BODY + INNER),
    "a head for one hop": Form((LENGTH, b"Connection: close, x-other", b"X-Other: y")),
}


@dataclass(frozen=True)
class Forwarded:
    """One request as llhttp reads it, which rejects what has two readings."""

    target: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes


class _Reader:
    def __init__(self) -> None:
        self.found: list[Forwarded] = []
        self._begin()

    def _begin(self) -> None:
        self._target, self._fields, self._body = b"", list[tuple[bytes, bytes]](), b""

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name.lower(), value))

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self.found.append(Forwarded(self._target, tuple(self._fields), self._body))
        self._begin()


def forwarded(said: bytes) -> list[Forwarded]:
    """The requests in what a provider was sent. Fails where that has two readings, or an end that is missing."""
    reader = _Reader()
    httptools.HttpRequestParser(reader).feed_data(said)
    assert said.count(b" HTTP/1.1\r\n") == len(reader.found) + said.count(INNER.partition(b"Host")[0])
    return reader.found


@pytest.fixture(scope="module")
def provider() -> Iterator[RawProvider]:
    with RawProvider().running() as started:
        yield started


@pytest.fixture(scope="module")
def meters(tmp_path_factory: pytest.TempPathFactory, provider: RawProvider) -> Iterator[dict[str, RunningMeter]]:
    """One for each lane, before the same provider."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        running = {}
        for lane in LANES:
            home: Path = tmp_path_factory.mktemp(lane)
            patch.setenv("BURSAR_HOME", str(home))
            upstreams = {"openai": provider.url}
            running[lane] = stack.enter_context(meter(home, upstreams, extra=("--lane", lane)))
        yield running


def outcome(running: RunningMeter, provider: RawProvider, pieces: list[bytes]) -> tuple[int, list[Forwarded]]:
    """The status that the client heard, and what the provider was sent for it."""
    known = len(provider.said)
    with connect(running.gateway) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except ConnectionError:
            pass
        status = read_answer(connection).status
    host, deadline = urlsplit(running.gateway).netloc.encode(), time.monotonic() + 10
    while True:
        said = b"".join(bytes(one) for one in provider.said[known:])
        assert running.token.encode() not in said
        try:
            return status, forwarded(said.replace(host, b"HOST"))
        except AssertionError:  # it answers a request before its body has come
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


@pytest.mark.parametrize("name", GOOD | ROUNDABOUT | BAD)
def test_both_lanes_refuse_it_or_send_one_request_and_the_same(
    meters: dict[str, RunningMeter], provider: RawProvider, name: str
) -> None:
    form = (GOOD | ROUNDABOUT | BAD)[name]
    told = {lane: outcome(running, provider, [form.raw(running)]) for lane, running in meters.items()}
    status, sent = told["hooks"]
    assert told["fast"] == told["hooks"]
    if name in BAD:
        assert sent == []
        assert status in (0, 400, 403, 404, 505)
    elif name in GOOD:
        assert (status, len(sent), sent[0].body) == (200, 1, BODY)
    else:
        assert len(sent) <= 1


@pytest.mark.parametrize("name", ["plain", "chunks", "CL.TE", "bare LF", "TE behind a bare LF", "TE behind a bare CR"])
def test_it_is_the_same_byte_by_byte(meters: dict[str, RunningMeter], provider: RawProvider, name: str) -> None:
    form = (GOOD | BAD)[name]
    for running in meters.values():
        raw = form.raw(running)
        whole = outcome(running, provider, [raw])
        assert outcome(running, provider, [raw[at : at + 1] for at in range(len(raw))]) == whole


def test_requests_that_come_at_once_are_answered_one_after_the_other(
    meters: dict[str, RunningMeter], provider: RawProvider
) -> None:
    for running in meters.values():
        known = len(provider.said)
        held = bytearray()
        with connect(running.gateway) as connection:
            connection.sendall(GOOD["plain"].raw(running) * 2 + GOOD["chunks"].raw(running))
            assert [read_answer(connection, held).status for _ in range(3)] == [200, 200, 200]
        sent = [one for said in provider.said[known:] for one in forwarded(bytes(said))]
        assert [one.body for one in sent] == [BODY] * 3


def test_a_call_goes_from_one_lane_to_the_other_while_its_connection_stays(
    meters: dict[str, RunningMeter], provider: RawProvider
) -> None:
    running, held = meters["fast"], bytearray()
    with connect(running.gateway) as connection:
        for name in ("plain", "plain", "chunks", "plain"):
            connection.sendall(GOOD[name].raw(running))
            assert read_answer(connection, held).status == 200


def test_many_at_once(meters: dict[str, RunningMeter]) -> None:
    running, heard = meters["fast"], list[int]()

    def call() -> None:
        with connect(running.gateway) as connection:
            for _ in range(5):
                connection.sendall(GOOD["plain"].raw(running))
                heard.append(read_answer(connection).status)

    threads = [threading.Thread(target=call) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [200] * 50
