"""Flow dumps, written here by mitmproxy itself."""

import contextlib
import gzip
import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy import connection, flow, http, tcp, websocket
from mitmproxy.addons.savehar import SaveHar
from mitmproxy.io import FlowWriter
from wsproto.frame_protocol import Opcode

from app.core.call import Basis
from proxy_addon.audit.captures import DamagedFile
from proxy_addon.audit.files import read_captures
from proxy_addon.audit.flows import read_flows
from proxy_addon.audit.metering import rows_of
from tests.proxy_addon.audit.samples import ANSWER, COST_NANO_USD, REQUEST, rows

AT = 1_748_779_200.0
"""1 June 2025, noon."""


def http_flow(
    answer: bytes = ANSWER.encode(), *, url: str = "https://api.openai.com/v1/chat/completions"
) -> http.HTTPFlow:
    client = connection.Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), timestamp_start=AT)
    found = http.HTTPFlow(client, connection.Server(address=None))
    found.request = http.Request.make("POST", url, REQUEST)
    found.request.timestamp_start = AT
    found.response = http.Response.make(200, answer, {"content-type": "application/json"})
    return found


def dump(folder: Path, *flows: flow.Flow) -> Path:
    path = folder / "session.flows"
    with path.open("wb") as file:
        writer = FlowWriter(file)
        for one in flows:
            writer.add(one)
    return path


def test_a_flow_is_metered_at_its_own_time(tmp_path: Path) -> None:
    (row,) = rows(dump(tmp_path, http_flow()))
    assert (row.line, row.provider, row.source) == (1, "openai", "api.openai.com/v1/chat/completions")
    assert (row.cost_nano_usd, row.cost_basis) == (COST_NANO_USD, Basis.TABLE)
    early, late = (http_flow(ANSWER.replace("gpt-4o-mini-2024-07-18", "o3").encode()) for _ in range(2))
    late.request.timestamp_start += 30 * 24 * 3600
    before, after = (row.cost_nano_usd or 0 for row in rows(dump(tmp_path, early, late)))
    assert before > 4 * after > 0  # OpenAI cut the price by 80 % on 10 June 2025


def test_the_har_that_mitmproxy_makes_of_a_flow_says_the_same(tmp_path: Path) -> None:
    one, two = http_flow(), http_flow()
    assert two.response is not None
    two.response.headers["content-encoding"] = "zstd"
    two.response.raw_content = zstandard.compress(ANSWER.encode())
    (tmp_path / "a.har").write_text(json.dumps(SaveHar().make_har([one, two])))
    from_flows = [replace(row, file="") for row in rows(dump(tmp_path, one, two))]
    assert [replace(row, file="") for row in rows(tmp_path / "a.har")] == from_flows
    assert {row.cost_nano_usd for row in from_flows} == {COST_NANO_USD}


def test_the_host_is_the_one_connected_to_unless_only_its_number_is_known(tmp_path: Path) -> None:
    gateway, transparent = http_flow(), http_flow()
    gateway.request.headers["host"] = "127.0.0.1:8787"
    transparent.request.headers["host"] = "api.openai.com"
    transparent.request.data.host = "192.0.2.7"
    assert [row.provider for row in rows(dump(tmp_path, gateway, transparent))] == ["openai", "openai"]


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [("gzip", gzip.compress(ANSWER.encode())), ("zstd", zstandard.compress(ANSWER.encode()))],
)
def test_a_compressed_answer_is_unpacked(tmp_path: Path, encoding: str, packed: bytes) -> None:
    one = http_flow()
    assert one.response is not None
    one.response.headers["content-encoding"] = encoding
    one.response.raw_content = packed
    assert rows(dump(tmp_path, one))[0].cost_nano_usd == COST_NANO_USD


def test_a_compressed_request_is_unpacked(tmp_path: Path) -> None:
    one = http_flow()
    one.request.headers["content-encoding"] = "zstd"
    one.request.raw_content = zstandard.compress(REQUEST.encode())
    (row,) = rows(dump(tmp_path, one))
    assert (row.request_model, row.reason) == ("gpt-4o-mini", "")


def test_a_bomb_is_not_unfolded(tmp_path: Path) -> None:
    one = http_flow()
    assert one.response is not None
    one.response.headers["content-encoding"] = "gzip"
    one.response.raw_content = gzip.compress(bytes(300 * 1024 * 1024), 1)
    (row,) = rows(dump(tmp_path, one))
    assert row.error_type == "unreadable_answer"


def test_an_answer_that_was_not_kept_or_never_came_is_unpriced(tmp_path: Path) -> None:
    streamed, alone = http_flow(), http_flow()
    assert streamed.response is not None
    streamed.response.raw_content = None
    alone.response = None
    alone.error = flow.Error("secret")
    found = rows(dump(tmp_path, streamed, alone))
    assert [(row.line, row.error_type, row.cost_nano_usd) for row in found] == [
        (1, "no_body", None),
        (2, "no_answer", None),
    ]


def test_an_answer_that_broke_off_is_an_estimate(tmp_path: Path) -> None:
    one = http_flow(b'{"object":"chat.completion","model":"gpt-4o')
    one.error = flow.Error("peer closed connection")
    (row,) = rows(dump(tmp_path, one))
    assert (row.error_type, row.cost_basis) == ("interrupted", Basis.ESTIMATED)


def test_a_socket_has_a_row_a_turn(tmp_path: Path) -> None:
    one = http_flow(url="https://api.openai.com/v1/responses")
    one.request.method, one.request.raw_content = "GET", b""
    one.response = http.Response.make(101)
    usage = {"input_tokens": 9, "output_tokens": 1}
    response = {"id": "r1", "model": "gpt-4o-mini", "status": "completed", "usage": usage}
    done = json.dumps({"type": "response.completed", "response": response}).encode()
    asked = b'{"type":"response.create","model":"gpt-4o-mini"}'
    one.websocket = websocket.WebSocketData()
    one.websocket.messages = [
        websocket.WebSocketMessage(Opcode.TEXT, True, asked),
        websocket.WebSocketMessage(Opcode.TEXT, False, done),
    ]
    assert [(row.turn, row.usage.input_tokens) for row in rows(dump(tmp_path, one))] == [(1, 9)]


def test_a_flow_that_is_no_http_is_a_row_and_the_next_is_read(tmp_path: Path) -> None:
    other = tcp.TCPFlow(http_flow().client_conn, connection.Server(address=("h", 1)))
    first, second = rows(dump(tmp_path, other, http_flow()))
    assert (first.line, first.error_type) == (1, "no_exchange")
    assert (second.line, second.cost_nano_usd) == (2, COST_NANO_USD)


@pytest.mark.parametrize("share", [0.6, 0.97])
def test_a_dump_that_is_cut_short_gives_what_came_before(tmp_path: Path, share: float) -> None:
    path = dump(tmp_path, http_flow(), http_flow())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    captures = read_captures(path)
    assert next(captures).line == 1
    with pytest.raises(DamagedFile) as damage:
        next(captures)
    assert damage.value.line == 2


@pytest.mark.parametrize(
    "rest", [b"999999999999:x", b"5:1:a#}", b"4:0:~}", b"3:abc,", b"0:}", b"garbage", b"21:4:type;4:http;3:abc;}"]
)
def test_a_damaged_flow_ends_the_file_and_quotes_nothing(tmp_path: Path, rest: bytes) -> None:
    path = dump(tmp_path, http_flow())
    path.write_bytes(path.read_bytes() + rest)
    captures = read_captures(path)
    assert next(captures).line == 1
    with pytest.raises(DamagedFile, match="damaged or cut short") as damage:
        next(captures)
    assert damage.value.line == 2


@cache
def dumped_flow() -> bytes:
    file = io.BytesIO()
    FlowWriter(file).add(http_flow())
    return file.getvalue()


@settings(max_examples=200)
@given(st.data())
def test_no_damage_stops_more_than_the_file(data: st.DataObject) -> None:
    dumped = bytearray(dumped_flow())
    for _ in range(data.draw(st.integers(1, 4))):
        dumped[data.draw(st.integers(0, len(dumped) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DamagedFile):
        for capture in read_flows(io.BytesIO(dumped)):
            assert list(rows_of("a", capture))


def test_a_dump_may_be_compressed(tmp_path: Path) -> None:
    path = dump(tmp_path, http_flow())
    buffer = io.BytesIO(path.read_bytes())
    path.write_bytes(gzip.compress(buffer.getvalue()))
    assert rows(path)[0].cost_nano_usd == COST_NANO_USD
