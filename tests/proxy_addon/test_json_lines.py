"""JSON lines, in any chunking, bounded."""

import pytest

from proxy_addon.json_lines import LineParser

STREAM = b'{"a":1}\r\n\n{"b":2}\n{"c":3}'


@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_lines_come_out_whole_and_the_last_one_at_the_end(step: int) -> None:
    parser = LineParser()
    lines = [line for start in range(0, len(STREAM), step) for line in parser.feed(STREAM[start : start + step])]
    assert lines + parser.close() == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_line_too_long_is_dropped_and_the_next_one_read(step: int) -> None:
    stream = b"x" * 30 + b"\nshort\n"
    parser = LineParser(max_line_bytes=10)
    lines = [line for start in range(0, len(stream), step) for line in parser.feed(stream[start : start + step])]
    assert lines == [b"short"]
    assert parser.has_dropped
