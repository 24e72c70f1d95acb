"""Files: their format told by what stands in them, and each way in which they can be at fault."""

import gzip
import io
import os
from pathlib import Path

import pytest

from proxy_addon.audit.captures import DamagedFile
from proxy_addon.audit.files import read_captures
from proxy_addon.audit.lines import read_lines
from tests.proxy_addon.audit.samples import COST_NANO_USD, line, rows, unreadable, written


def damage_of(path: Path) -> tuple[int | None, str]:
    with pytest.raises(DamagedFile) as damage:
        list(read_captures(path))
    return damage.value.line, damage.value.reason


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.har", "a"])
@pytest.mark.parametrize("is_packed", [True, False])
def test_the_format_is_told_by_content_whatever_the_name(tmp_path: Path, name: str, is_packed: bool) -> None:
    path = written(tmp_path / name, line(), line())
    if is_packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert [(row.line, row.cost_nano_usd) for row in rows(path)] == [(1, COST_NANO_USD), (2, COST_NANO_USD)]


def test_lines_are_counted_with_the_blank_ones(tmp_path: Path) -> None:
    path = written(tmp_path / "a", b"", line(), b"  ", line(), b"")
    assert [row.line for row in rows(path)] == [2, 4]


def test_a_mark_at_the_start_and_windows_line_ends_are_no_matter(tmp_path: Path) -> None:
    path = written(tmp_path / "a", line(), line())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert [row.cost_nano_usd for row in rows(path)] == [COST_NANO_USD, COST_NANO_USD]


@pytest.mark.parametrize(
    "bad", [b'{"host": "api.op', b"[1]", b"7", b"null", b"nonsense", b"\xff\xfe", b"{" * 5_000, b'{"a":' * 200_000]
)
def test_a_line_that_is_no_json_object_is_a_row_and_the_rest_is_read(tmp_path: Path, bad: bytes) -> None:
    first, second, third = rows(written(tmp_path / "a", line(), bad, line()))
    assert (second.line, second.error_type, second.cost_nano_usd) == (2, "unreadable_line", None)
    assert second.reason == "It is not a JSON object."
    assert first.cost_nano_usd == third.cost_nano_usd == COST_NANO_USD


def test_a_first_line_that_is_cut_does_not_hide_the_rest(tmp_path: Path) -> None:
    first, second = rows(written(tmp_path / "a", b't": "x"}', line()))
    assert (first.error_type, second.cost_nano_usd) == ("unreadable_line", COST_NANO_USD)


def test_a_line_that_holds_something_else_is_a_row(tmp_path: Path) -> None:
    (row,) = rows(written(tmp_path / "a", b'{"level": "info", "message": "hello"}'))
    assert (row.line, row.error_type) == (1, "no_exchange")


def test_a_body_that_is_no_base64_is_a_row(tmp_path: Path) -> None:
    for body in ("%%%", "päd", "abc"):
        (row,) = rows(written(tmp_path / "a", line(response_encoding="base64", response_body=body)))
        assert (row.error_type, row.cost_nano_usd) == ("unreadable_line", None)


@pytest.mark.parametrize(
    "changes",
    [
        {"host": 7, "path": []},
        {"host": "api.openai.com:" + "9" * 150},
        {"request_headers": [], "response_headers": 7},
        {"request_headers": {"a": None}, "status": "200"},
        {"request_body": {"a": 1}, "response_body": [1]},
        {"ws_messages": [7, None, {"dir": 1, "data": None}]},
        {"path": "/v1/chat/completions?" + "\ud800"},
    ],
)
def test_members_of_the_wrong_type_stop_nothing(tmp_path: Path, changes: dict[str, object]) -> None:
    found = rows(written(tmp_path / "a", line(**changes), line()))
    assert found[-1].cost_nano_usd == COST_NANO_USD


def test_a_line_beyond_the_limit_is_passed_over() -> None:
    stream = io.BytesIO(b"one\n" + b"x" * 11 + b"\n" + b"y" * 10 + b"\n" + b"z" * 5_000_000)
    assert list(read_lines(stream, 10)) == [(1, b"one\n"), (2, None), (3, b"y" * 10 + b"\n"), (4, None)]


def test_a_line_of_two_hundred_megabytes_is_a_row_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'{"host": "')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n')
        file.write(written(tmp_path / "b", line()).read_bytes())
    first, second = rows(path)
    assert (first.line, first.error_type) == (1, "line_too_long")
    assert (second.line, second.cost_nano_usd) == (2, COST_NANO_USD)
    assert [found.is_damaged for found in unreadable(path)] == [True]


def test_gzip_that_is_cut_short_gives_what_came_before(tmp_path: Path) -> None:
    noise = [line(source=os.urandom(500_000).hex()) for _ in range(3)]
    path = written(tmp_path / "a", line(), *noise)
    packed = gzip.compress(path.read_bytes())
    path.write_bytes(packed[: len(packed) // 2])
    captures = read_captures(path)
    assert [next(captures).line, next(captures).line] == [1, 2]
    with pytest.raises(DamagedFile, match="damaged or cut short") as damage:
        next(captures)
    assert damage.value.line == 3


def test_gzip_that_is_damaged_is_said_so(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(written(tmp_path / "a", line()).read_bytes()))
    packed[12] ^= 0xFF
    (tmp_path / "a").write_bytes(packed)
    assert damage_of(tmp_path / "a")[1] == "The gzip data is damaged or cut short here."
    (tmp_path / "a").write_bytes(b"\x1f\x8bnonsense")
    assert damage_of(tmp_path / "a") == (1, "The gzip data is damaged or cut short here.")


@pytest.mark.parametrize("content", [b"", b" \n\n", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_said_to_be(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert damage_of(tmp_path / "a") == (1, "It is empty.")


@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 40,
        b"\0" * 100,
        b'\0\n{"a": 1}',
        b"PK\3\4zip",
        b"just words\n",
        b"[1, 2]",
        '{"a": 1}'.encode("utf-16"),
    ],
    ids=["all bytes", "zeros", "a zero before JSON", "zip", "words", "a list", "UTF-16"],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.har").write_bytes(content)
    number, reason = damage_of(tmp_path / "a.har")
    assert number == 1
    assert reason.startswith("It is no capture that Bursar knows")


def test_a_folder_and_a_file_that_is_not_there_have_no_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        number, reason = damage_of(path)
        assert number is None
        assert reason.endswith(".")
