"""One request off the wire: whole and plain, or to be read by somebody else, or by nobody.

A request is plain when there is one way to read it and nothing to it but a head and a body of a length that it tells:
a POST or GET of HTTP/1.1 to a path, with one `Host`. Chunked bodies, upgrades, `Expect`, other methods and the rest of
HTTP are for mitmproxy's layer, and so is whatever llhttp does not take for HTTP: one reader refuses for both lanes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import httptools

from proxy_addon.calls import Head
from proxy_addon.header_fields import Fields, lower_headers, text_of
from proxy_addon.heads import AmbiguousHead, check_request_head, has_bare_lf
from proxy_addon.limits import MAX_HEAD_BYTES
from proxy_addon.request import MAX_BODY_BYTES

_METHODS = (b"POST ", b"GET ")
_LONGEST_METHOD = max(map(len, _METHODS))
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(r"0|[1-9][0-9]{0,15}")
_ALONE = (b"host", b"content-length")
_NOT_PLAIN = frozenset(
    {"transfer-encoding", "upgrade", "expect", "trailer", "te", "http2-settings", "proxy-connection"}
)
_CONNECTION_TOKENS = frozenset({"keep-alive", "close"})


class NotPlain(Exception):
    """For mitmproxy's layer to read, or to refuse."""


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A head of `size` bytes whose body has `length`. `is_last`: its sender closes the connection after the answer."""

    size: int
    method: str
    target: str
    fields: Fields = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    length: int
    is_last: bool

    def head(self, user: str) -> Head:
        """As the meter reads it."""
        return Head(self.method, self.target, self.fields, self.headers, user)


class Inbox:
    """What a client has sent and nobody has taken yet."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._looked_at = 0

    def __len__(self) -> int:
        return len(self._data)

    def add(self, data: bytes) -> None:
        """More came."""
        self._data += data

    def take(self, length: int) -> bytes | None:
        """The next so many bytes, or None where there are fewer."""
        if len(self._data) < length:
            return None
        taken = bytes(memoryview(self._data)[:length])
        del self._data[:length]
        self._looked_at = 0
        return taken

    def take_all(self) -> bytes:
        """Every byte that is left."""
        return self.take(len(self._data)) or b""

    def head(self) -> PlainRequest | None:
        """The next request's head, which is not taken yet, or None where it has not come whole. Raises NotPlain."""
        data = self._data
        begin = bytes(data[:_LONGEST_METHOD])
        if not any(begin.startswith(method) or method.startswith(begin) for method in _METHODS):
            raise NotPlain
        end = data.find(_HEAD_END, max(0, self._looked_at - len(_HEAD_END) + 1))
        known = len(data) if end < 0 else end
        if has_bare_lf(data, max(0, self._looked_at - 1), min(known, MAX_HEAD_BYTES)):
            raise NotPlain
        if known >= MAX_HEAD_BYTES:
            raise NotPlain
        self._looked_at = known
        return None if end < 0 else _read(bytes(data[: end + len(_HEAD_END)]))


class _Listener:
    """What llhttp tells of a head."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.is_complete = False
        self.is_last = False
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        """Called by llhttp, perhaps for a part of it."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by llhttp."""
        self.fields.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Called by llhttp, which forgets the rest where no body follows."""
        self.is_complete = True
        self.is_last = not self.parser.should_keep_alive()


def _read(head: bytes) -> PlainRequest:
    """What both the other lane's strict reader and llhttp take. Raises NotPlain."""
    listener = _Listener()
    parser = listener.parser
    try:
        check_request_head(head)
        parser.feed_data(head)
    except (AmbiguousHead, httptools.HttpParserError, httptools.HttpParserUpgrade):
        raise NotPlain from None
    finally:
        del listener.parser  # they hold one another, and would be left for the collector to find
    if not listener.is_complete:
        raise NotPlain
    fields = tuple(listener.fields)
    headers = lower_headers(fields)
    length = _length(fields, headers)
    target = listener.target
    if parser.get_http_version() != "1.1" or not target.startswith(b"/") or not target.isascii():
        raise NotPlain
    method = parser.get_method().decode("ascii")
    if length > MAX_BODY_BYTES or (method == "GET" and length):
        raise NotPlain
    return PlainRequest(len(head), method, text_of(target), fields, headers, length, listener.is_last)


def _length(fields: Fields, headers: Mapping[str, str]) -> int:
    """The length of the body. Raises NotPlain."""
    if not _NOT_PLAIN.isdisjoint(headers) or "host" not in headers:
        raise NotPlain
    if len(headers) < len(fields):  # names that are given twice
        names = [name.lower() for name, _ in fields]
        if any(names.count(name) > 1 for name in _ALONE):
            raise NotPlain
    if "connection" in headers:
        tokens = {token.strip().lower() for token in headers["connection"].split(",")}
        if not tokens <= _CONNECTION_TOKENS:
            raise NotPlain
    length = headers.get("content-length", "0")
    if not _LENGTH.fullmatch(length):
        raise NotPlain
    return int(length)
