"""What a head of HTTP/1.1 may look like: one that two readers could read in two ways goes no further. No I/O.

mitmproxy reads heads leniently and passes on what it read, so what a provider makes of them could be another request
than the one that was judged (request smuggling, RFC 9112, section 11.2). Rules are for the bytes as they came.
"""

import re
import string
from collections.abc import Iterator
from urllib.parse import urlsplit

_OF_NAMES = b"!#$%&'*+-.^_`|~" + (string.digits + string.ascii_letters).encode()
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\x00-\x20\x7f]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: .*)?", re.DOTALL)
_LENGTH = re.compile(rb"[0-9]{1,15}")
_BARE_CR = re.compile(rb"\r(?!\n)")
_USUAL_PORTS = {"http": 80, "https": 443}
_ALONE = (b"host", b"content-length", b"transfer-encoding")
"""Fields that a head has once at most."""


class AmbiguousHead(ValueError):
    """A head that is not passed on. The message is for whoever sent it, and holds nothing of it."""


def check_request_head(head: bytes) -> None:
    """Raise AmbiguousHead unless a request's head, with the empty line at its end, can be read in one way only."""
    if has_bare_lf(head):
        raise AmbiguousHead("A line of the request's head ends with LF alone.")
    start, fields = _split(head.replace(b"\r\n", b"\n"))
    line = _REQUEST_LINE.fullmatch(start)
    if line is None:
        raise AmbiguousHead("The request line is not one of HTTP/1.1.")
    method, target, minor = line.groups()
    if b"host" not in fields and minor == b"1" and method != b"CONNECT":
        raise AmbiguousHead("The request names no host.")
    if b"transfer-encoding" in fields and (
        b"content-length" in fields or minor == b"0" or fields[b"transfer-encoding"].lower() != b"chunked"
    ):
        raise AmbiguousHead("The length of the request's body is told in two ways.")
    if b"content-length" in fields and not _LENGTH.fullmatch(fields[b"content-length"]):
        raise AmbiguousHead("The length of the request's body is not a number.")
    if method != b"CONNECT" and not target.startswith((b"/", b"*")) and not _is_at_host(target, fields):
        raise AmbiguousHead("The request names two hosts.")


def has_bare_lf(data: bytes | bytearray, start: int = 0, end: int | None = None) -> bool:
    """Whether a line between the two ends with LF alone; a CR right before `start` counts with the first."""
    end = len(data) if end is None else end
    return data.count(b"\n", start, end) > data.count(b"\r\n", max(0, start - 1), end)


def status_of(head: bytes) -> int:
    """The status of an answer's head. Raises AmbiguousHead for one that cannot be read in one way only; lines that end
    with LF alone are let pass, since they are written anew."""
    start, _fields = _split(head.replace(b"\r\n", b"\n"))
    line = _STATUS_LINE.fullmatch(start)
    if line is None:
        raise AmbiguousHead("It does not begin as an answer of HTTP/1.1 does.")
    return int(line[1])


def _split(head: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """The first line, and the fields by lower-case name, of a head whose lines end with LF."""
    if b"\x00" in head or _BARE_CR.search(head):
        raise AmbiguousHead("A field holds a character that none may hold.")
    start, *lines = head.rstrip(b"\n").split(b"\n")
    fields: dict[bytes, bytes] = {}
    for name, value in _fields(lines):
        if name in fields and name in _ALONE:
            raise AmbiguousHead("A field that may be given once is given twice.")
        fields[name] = value
    return start, fields


def _fields(lines: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    for line in lines:
        name, sign, value = line.partition(b":")
        # no name, no colon, a name with a space, or a folded line
        if not sign or not name or name.translate(None, _OF_NAMES):
            raise AmbiguousHead("A field has no name, or one that none may have.")
        yield name.lower(), value.strip(b" \t")


def _is_at_host(target: bytes, fields: dict[bytes, bytes]) -> bool:
    """Whether an absolute target is at the host that the head names."""
    try:
        named = urlsplit(target.decode("ascii"))
        told = urlsplit(f"//{fields.get(b'host', b'').decode('ascii')}")
        usual = _USUAL_PORTS.get(named.scheme)
        is_same_port = (named.port or usual) == (told.port or usual)
    except ValueError:
        return False
    return usual is not None and named.hostname == told.hostname and is_same_port
