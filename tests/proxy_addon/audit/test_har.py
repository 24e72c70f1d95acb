"""HAR files, made here as the exporters write them."""

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest

from app.core.call import Basis
from proxy_addon.audit import har
from proxy_addon.audit.captures import Capture, DamagedFile, Unreadable
from proxy_addon.audit.files import read_captures
from tests.proxy_addon.audit.samples import ANSWER, COST_NANO_USD, REQUEST, STREAM, STREAM_REQUEST, rows

CHAT = "https://api.openai.com/v1/chat/completions"


def entry(
    *,
    url: str = CHAT,
    method: str = "POST",
    request: str | None = REQUEST,
    status: int = 200,
    headers: dict[str, str] | None = None,
    content: dict[str, Any] | None = None,
    **others: Any,
) -> dict[str, Any]:
    """An entry as Chrome writes it, with more than is read."""
    content = {"size": len(ANSWER), "mimeType": "application/json", "text": ANSWER} if content is None else content
    posted = {} if request is None else {"postData": {"mimeType": "application/json", "text": request}}
    return {
        "startedDateTime": "2026-11-20T10:00:00.123Z",
        "time": 900.5,
        "request": {"method": method, "url": url, "httpVersion": "h2", "headers": [], "cookies": [], **posted},
        "response": {
            "status": status,
            "headers": [{"name": name, "value": value} for name, value in (headers or {}).items()],
            "content": content,
            "bodySize": 120,
        },
        **others,
    }


def har_file(folder: Path, *entries: Any, version: str = "1.2") -> Path:
    path = folder / "session.har"
    path.write_text(json.dumps({"log": {"version": version, "creator": {"name": "t"}, "entries": entries}}, indent=2))
    return path


def capture_of(tmp_path: Path, **changes: Any) -> Capture:
    (capture,) = read_captures(har_file(tmp_path, entry(**changes)))
    assert isinstance(capture, Capture)
    return capture


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_an_entry_is_metered(tmp_path: Path, version: str) -> None:
    (row,) = rows(har_file(tmp_path, entry(), version=version))
    assert (row.line, row.provider, row.request_model) == (1, "openai", "gpt-4o-mini")
    assert (row.cost_nano_usd, row.cost_basis) == (COST_NANO_USD, Basis.TABLE)
    assert row.source == "api.openai.com/v1/chat/completions"


def test_a_browsers_other_entries_are_rows_too_and_show_no_path(tmp_path: Path) -> None:
    other = entry(url="https://shop.example/reset/secret-token?key=1", method="GET", request=None)
    found = rows(har_file(tmp_path, other, entry(url=f"{CHAT}?key=secret")))
    assert [(row.line, row.source, row.error_type) for row in found] == [
        (1, "shop.example", "unknown_host"),
        (2, "api.openai.com/v1/chat/completions", ""),
    ]


def test_a_body_in_base64_is_read(tmp_path: Path) -> None:
    content = {
        "mimeType": "text/event-stream",
        "encoding": "base64",
        "text": base64.b64encode(STREAM.encode()).decode(),
    }
    (row,) = rows(har_file(tmp_path, entry(request=STREAM_REQUEST, content=content)))
    assert (row.usage.output_tokens, row.cost_basis) == (3, Basis.TABLE)


@pytest.mark.parametrize(
    ("encoding", "packed"), [("gzip", gzip.compress(ANSWER.encode())), ("br", brotli.compress(ANSWER.encode()))]
)
def test_a_body_kept_as_it_was_on_the_wire_is_unpacked(tmp_path: Path, encoding: str, packed: bytes) -> None:
    content = {"encoding": "base64", "text": base64.b64encode(packed).decode(), "size": len(ANSWER), "compression": 9}
    (row,) = rows(har_file(tmp_path, entry(headers={"Content-Encoding": encoding}, content=content)))
    assert row.cost_nano_usd == COST_NANO_USD


def test_a_body_that_was_unpacked_is_not_unpacked_again(tmp_path: Path) -> None:
    content = {"encoding": "base64", "text": base64.b64encode(ANSWER.encode()).decode()}
    for given in (content, {"text": ANSWER, "compression": 300}):
        (row,) = rows(har_file(tmp_path, entry(headers={"content-encoding": "gzip"}, content=given)))
        assert row.cost_nano_usd == COST_NANO_USD


def test_a_compressed_body_that_is_damaged_is_said_so(tmp_path: Path) -> None:
    packed = gzip.compress(ANSWER.encode())[:30] + b"\xff" * 60
    content = {"encoding": "base64", "text": base64.b64encode(packed).decode()}
    (row,) = rows(har_file(tmp_path, entry(headers={"content-encoding": "gzip"}, content=content)))
    assert (row.error_type, row.cost_basis) == ("unreadable_answer", Basis.ESTIMATED)


def test_an_export_without_bodies_is_unpriced(tmp_path: Path) -> None:
    (row,) = rows(har_file(tmp_path, entry(content={"size": 900, "mimeType": "application/json"})))
    assert (row.error_type, row.cost_nano_usd) == ("no_body", None)


def test_a_call_without_an_answer_is_unpriced(tmp_path: Path) -> None:
    (row,) = rows(har_file(tmp_path, entry(status=0, content={})))
    assert (row.error_type, row.cost_nano_usd) == ("no_answer", None)


def test_the_time_is_the_entrys_own(tmp_path: Path) -> None:
    assert capture_of(tmp_path).started_at == datetime(2026, 11, 20, 10, 0, 0, 123_000, UTC)
    zoned = capture_of(tmp_path, startedDateTime="2025-06-01T14:00:00+02:00")
    assert zoned.started_at == datetime(2025, 6, 1, 12, tzinfo=UTC)
    assert capture_of(tmp_path, startedDateTime="2025-06-01T12:00:00").started_at == zoned.started_at
    assert capture_of(tmp_path, startedDateTime="yesterday").started_at is None


def test_a_socket_as_chrome_exports_it_has_a_row_a_turn(tmp_path: Path) -> None:
    response = {
        "id": "r1",
        "model": "gpt-4o-mini",
        "status": "completed",
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }
    done = json.dumps({"type": "response.completed", "response": response})
    messages = [
        {"type": "send", "time": 1.0, "opcode": 1, "data": '{"type":"response.create","model":"gpt-4o-mini"}'},
        {"type": "receive", "time": 2.0, "opcode": 1, "data": done},
        {"type": "receive", "time": 3.0, "opcode": 2, "data": base64.b64encode(done.encode()).decode()},
    ]
    socket = entry(
        url="wss://api.openai.com/v1/responses",
        method="GET",
        request=None,
        status=101,
        content={},
        _webSocketMessages=messages,
    )
    assert [(row.turn, row.usage.input_tokens) for row in rows(har_file(tmp_path, socket))] == [(1, 9), (2, 9)]


@pytest.mark.parametrize("bad", [7, {}, {"request": []}, None])
def test_an_entry_that_is_none_is_a_row_and_the_next_is_read(tmp_path: Path, bad: Any) -> None:
    first, second = rows(har_file(tmp_path, bad, entry()))
    assert (first.line, first.error_type) == (1, "unreadable_entry")
    assert (second.line, second.cost_nano_usd) == (2, COST_NANO_USD)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://[half"},
        {"url": "https://api.openai.com:99999/v1"},
        {"headers": {"date": "never"}},
        {"content": {"text": 7}},
        {"content": {"text": "%%%", "encoding": "base64"}},
        {"startedDateTime": 7},
        {"_webSocketMessages": [7, {"opcode": 2, "data": 7}, {"opcode": 2, "data": "%"}]},
    ],
)
def test_no_entry_stops_the_reading(tmp_path: Path, changes: dict[str, Any]) -> None:
    found = rows(har_file(tmp_path, entry(**changes), entry()))
    assert [row.line for row in found] == [1, 2]
    assert found[1].cost_nano_usd == COST_NANO_USD


def test_half_a_surrogate_pair_is_read(tmp_path: Path) -> None:
    path = har_file(tmp_path, entry(request=REQUEST.replace("Say hi", "Say \ud83d")))
    assert [row.cost_nano_usd for row in rows(path)] == [COST_NANO_USD]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = har_file(tmp_path, entry())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [row.cost_nano_usd for row in rows(path)] == [COST_NANO_USD]


def test_a_document_that_is_cut_short_names_its_line(tmp_path: Path) -> None:
    path = har_file(tmp_path, entry(), entry())
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(DamagedFile) as damage:
        list(read_captures(path))
    assert damage.value.line == len(path.read_text().splitlines())


@pytest.mark.parametrize(
    "text", ['{"log": {}}', '{"log": 7}', '{\n"other": 1}', '{"log": {"entries": {}}}', '{"log"' + "[" * 100_000]
)
def test_json_that_is_no_har_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.har").write_text(text)
    with pytest.raises(DamagedFile):
        list(read_captures(tmp_path / "a.har"))


def test_a_document_too_large_to_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = har_file(tmp_path, entry())
    monkeypatch.setattr(har, "MAX_HAR_BYTES", path.stat().st_size)
    assert not isinstance(next(iter(read_captures(path))), Unreadable)
    monkeypatch.setattr(har, "MAX_HAR_BYTES", path.stat().st_size - 1)
    with pytest.raises(DamagedFile, match="held as a whole"):
        list(read_captures(path))
