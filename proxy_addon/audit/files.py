"""A capture file, opened: its format is told by its first bytes, whatever it is called, compressed with gzip or not."""

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from proxy_addon.audit.captures import Capture, DamagedFile, Unreadable
from proxy_addon.audit.har import read_har
from proxy_addon.audit.recording import read_recording

_GZIP = b"\x1f\x8b"
_HEAD_BYTES = 64 * 1024
_FLOW = re.compile(rb"\d{1,12}:\d{1,12}:")
"""A flow is a map in mitmproxy's netstrings: its length, then that of its first key."""
_HAR = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*(?:"log"|$|[\r\n])')
"""A document, not lines: it begins with its log, or is spread over lines."""
_RECORDING = re.compile(rb"^(?:\xef\xbb\xbf)?\s*\{", re.MULTILINE)
_UNKNOWN = "It is no capture that Bursar knows: recordings as lines of JSON, HAR, or a mitmproxy flow dump."


def read_captures(path: Path) -> Iterator[Capture | Unreadable]:
    """What a file holds, in its order, read as it goes. Raises DamagedFile where the rest cannot be read."""
    last = 0
    try:
        with path.open("rb") as file:
            for capture in _read(_unzipped(file)):
                last = capture.line
                yield capture
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DamagedFile("The gzip data is damaged or cut short here.", last + 1) from None
    except OSError as error:
        raise DamagedFile(f"{error.strerror or 'It cannot be read'}.", last + 1 if last else None) from None


def _read(stream: io.BufferedReader) -> Iterator[Capture | Unreadable]:
    head = _head(stream)
    if not head.strip():
        raise DamagedFile("It is empty.", 1)
    if _FLOW.match(head):
        from proxy_addon.audit.flows import read_flows  # mitmproxy takes a second to import

        return read_flows(stream)
    if _HAR.match(head):
        return read_har(stream)
    if b"\0" not in head and _RECORDING.search(head):
        return read_recording(stream)
    raise DamagedFile(_UNKNOWN, 1)


def _unzipped(file: io.BufferedReader) -> io.BufferedReader:
    if file.peek(2)[:2] != _GZIP:
        return file
    return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file)), _HEAD_BYTES)


def _head(stream: io.BufferedReader) -> bytes:
    """The first bytes, left in place."""
    return stream.peek(_HEAD_BYTES)[:_HEAD_BYTES]
