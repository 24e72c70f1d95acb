"""A mark for a tool's result, equal where nothing has changed since the last time.

What Codex writes about a command, an id and the time it took, changes each time and is left out (its source).
What commands themselves print counts as it is: a poll that prints its progress changes, and so does a test run that
prints its time. Of a long result both ends and the length count.
"""

import hashlib
import re
from collections.abc import Iterator

import msgspec

from proxy_addon.shapes.fields import mapping
from proxy_addon.shapes.tool_outcomes import size_of

_END_BYTES = 128 * 1024
_CODEX_OWN = re.compile(
    r'(?:Chunk ID: \w+\n)?(?:Exit code: -?\d+\n)?Wall time:? [\d.]+ seconds\n|"duration_seconds": ?[\d.]+'
)
_ENCODER = msgspec.json.Encoder(order="deterministic")
_UNWRITABLE = (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)


def measured(content: object) -> tuple[int, bytes]:
    """Size in bytes and mark of a result's content: a text, a list of parts, or another value of JSON."""
    mark = hashlib.blake2b(digest_size=16)
    for piece in _pieces(content):
        mark.update(b"%d:" % len(piece))
        mark.update(piece if len(piece) <= 2 * _END_BYTES else piece[:_END_BYTES] + piece[-_END_BYTES:])
    return size_of(content), mark.digest()


def _pieces(content: object) -> Iterator[bytes]:
    for part in content if isinstance(content, list) else [content]:
        text = part if isinstance(part, str) else mapping(part).get("text")
        if isinstance(text, str):
            yield _CODEX_OWN.sub("", text, count=1).encode("utf-8", "surrogatepass")
        else:
            yield _encoded(part)


def _encoded(part: object) -> bytes:
    try:
        return _ENCODER.encode(part)
    except _UNWRITABLE:
        return repr(part).encode("utf-8", "backslashreplace")
