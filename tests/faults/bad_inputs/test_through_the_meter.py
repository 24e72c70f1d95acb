"""A sample of each family of bad inputs, through a real meter: passed on or refused, and others are served after it."""

from datetime import UTC, datetime

import pytest

from tests.end2end.conftest import module_home  # noqa: F401 - a fixture
from tests.end2end.meter_process import wait_until
from tests.faults.bad_inputs.inputs import ANSWERS, ENCODINGS_UNKNOWN, FRAMES, PACKED, REQUESTS, STREAMS
from tests.faults.bad_inputs.labels import FIELDS, PATHS, QUERIES
from tests.faults.cells import cell
from tests.faults.wire.bare_client import request
from tests.faults.wire.cells import kept, sized, stream
from tests.faults.wire.conftest import ASKED, ASKED_STREAM, CHAT, Wire, lane, misbehaving, wire  # noqa: F401 - fixtures

pytestmark = pytest.mark.end2end

EVERY = 4
"""One of so many is tried here; all are tried on the readers."""

BINARY = b"application/vnd.amazon.eventstream"
_LISTED = ANSWERS["a list of lists"]
BODIES = {
    **{f"answer: {name}": sized(body) for name, body in list(ANSWERS.items())[1::EVERY]},
    **{f"stream: {name}": stream(body) for name, body in list(STREAMS.items())[1::EVERY]},
    **{f"frames: {name}": sized(body, kind=BINARY) for name, body in list(FRAMES.items())[1::EVERY]},
    **{
        f"packed: {name}": sized(body, b"content-encoding: " + encoding.strip().encode())
        for name, (encoding, body) in list(PACKED.items())[::EVERY]
    },
    **{
        f"encoding: {name}": sized(_LISTED, b"content-encoding: " + name.encode())
        for name in ENCODINGS_UNKNOWN[::EVERY]
        if "\0" not in name
    },
}


@cell("F29", "answers of any bytes", "in an answer", "passed on to the byte, booked; others are served")
def test_bad_answers_are_passed_on_and_booked(wire: Wire) -> None:  # noqa: F811
    for name, raw in BODIES.items():
        wire.provider.plays[name] = kept(raw)
        start = datetime.now(UTC)
        is_stream = name.startswith("stream")
        answer = wire.ask(wire.raw(ASKED_STREAM if is_stream else ASKED, x_play=name))
        assert (answer.status, answer.is_whole) == (200, True), name
        assert answer.body == _body_of(raw), name
        assert wire.call_since(start).cost_nano_usd, name
    wire.goes_on()


def _body_of(raw: bytes) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    return b"".join(parts)


@cell("F29", "requests of any bytes", "in a request", "read, or refused with 400; others are served")
def test_bad_requests_are_refused(wire: Wire) -> None:  # noqa: F811
    for name, body in list(REQUESTS.items())[::EVERY]:
        answer = wire.ask(wire.raw(body))
        assert answer.status in (200, 400), name
    wait_until(lambda: wire.money().held == 0, "the money to be settled")
    wire.goes_on()


@cell("F49", "fields, paths and queries of any letters", "in a request's head", "answered; others are served")
def test_bad_heads_are_answered(wire: Wire) -> None:  # noqa: F811
    for name, fields in list(FIELDS.items())[::EVERY]:
        told = {
            key: value for key, value in fields.items() if key != "x-api-key" and value.isascii() and "\0" not in value
        }
        answer = wire.ask(request(wire.running.gateway, wire.running.token, CHAT, ASKED, told))
        assert answer.status in (200, 400, 401, 426), name
    targets = [*list(PATHS.values())[::EVERY], *(f"{CHAT}?{query}" for query in list(QUERIES.values())[::EVERY])]
    for target in targets:
        if target.isascii() and target.startswith("/"):
            assert wire.ask(wire.raw(path=target)).status in (200, 400, 401, 402, 403, 404), target
    wait_until(lambda: wire.money().held == 0, "the money to be settled")
    wire.goes_on()
