"""Lines of a file that may be of any size: one is held at a time, and none beyond a limit."""

from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE_BYTES = 128 * 1024 * 1024
"""Two bodies of the largest size that the meter reads."""
_SKIP_BYTES = 1024 * 1024


def read_lines(stream: BinaryIO, max_bytes: int = MAX_LINE_BYTES) -> Iterator[tuple[int, bytes | None]]:
    """Number from 1 and bytes of each line that is not blank; None as the bytes of one above the limit."""
    number = 0
    while line := stream.readline(max_bytes + 1):
        number += 1
        if len(line) > max_bytes and not line.endswith(b"\n"):
            del line
            _skip_line(stream)
            yield number, None
        elif line.strip():
            yield number, line


def _skip_line(stream: BinaryIO) -> None:
    """Pass over the rest of a line."""
    while (rest := stream.readline(_SKIP_BYTES)) and not rest.endswith(b"\n"):
        pass
