"""One answer off the wire: its head, then its body without the framing, then its end.

Everything is bounded: a head, interim answers before it, and what a chunked body says beside its data.
"""

import httptools

from proxy_addon.header_fields import Fields
from proxy_addon.limits import MAX_HEAD_BYTES

MAX_INTERIM = 100
"""Answers of the 1xx kind, which mean that one must go on waiting (RFC 9110, section 15.2)."""
MAX_SILENT_BYTES = MAX_HEAD_BYTES
"""So much of a chunked body may be chunk extensions, or trailers, without a byte of data."""
_SWITCHING = 101


class BadAnswer(Exception):
    """What came cannot be read in one way, or is more than is read."""


class AnswerReader:
    """Reads one answer to a POST or GET. `is_begun`: its head is known; `is_ended`: its last byte has come, and what
    came after it made it `is_overlong`. `is_switching`: it leads to another protocol, which nobody asked for."""

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.fields: Fields = ()
        self.is_begun = False
        self.is_ended = False
        self.is_overlong = False
        self.is_chunked = False
        self.lasts_until_close = False
        self.is_kept_alive = False
        self.is_switching = False
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._silent = 0
        self._interim = 0
        self._parser = httptools.HttpResponseParser(self)
        # A head is written anew, so whoever reads it next reads it as it was read here; as in mitmproxy's layer.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)

    def feed(self, data: bytes) -> None:
        """More came. Raises BadAnswer."""
        taken = len(self._body)
        self._silent += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.is_ended:
                raise BadAnswer from None
            self.is_overlong = True
        if len(self._body) > taken:
            self._silent = 0
        if self._silent > (MAX_SILENT_BYTES if self.is_begun else MAX_HEAD_BYTES) or self._interim > MAX_INTERIM:
            raise BadAnswer

    def feed_end(self) -> None:
        """The provider closed the connection. Raises BadAnswer where that was too early."""
        if self.is_begun and self.lasts_until_close:
            self.is_ended = True
        if not self.is_ended:
            raise BadAnswer

    def close(self) -> None:
        """Nothing is fed any more. The parser, which holds this reader, is let go: else both would be left for the
        collector to find."""
        del self._parser

    def take_body(self) -> bytes:
        """What came of the body since the last time."""
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        return body

    def on_message_begin(self) -> None:
        """Called by llhttp."""
        self.is_overlong = self.is_ended
        self._fields.clear()

    def on_status(self, reason: bytes) -> None:
        """Called by llhttp, perhaps for a part of it."""
        if not self.is_begun:
            self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by llhttp, for trailers too, which nobody is promised."""
        if not self.is_begun:
            self._fields.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Called by llhttp."""
        if self.is_begun:
            return
        self.status = self._parser.get_status_code()
        self.is_switching = self.status == _SWITCHING
        if self.is_switching or not 100 <= self.status <= 599:
            raise BadAnswer
        if self.status < 200:
            self._interim += 1
            self.reason = b""
            return
        self.fields = tuple(self._fields)
        self._read_framing()
        self.is_begun = True

    def on_body(self, data: bytes) -> None:
        """Called by llhttp."""
        if not self.is_overlong:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """Called by llhttp."""
        self.is_ended = self.is_begun

    def _read_framing(self) -> None:
        codings = [value for name, value in self.fields if name.lower() == b"transfer-encoding"]
        lengths = [value for name, value in self.fields if name.lower() == b"content-length"]
        version = self._parser.get_http_version()
        if version not in ("1.1", "1.0") or len(lengths) > 1 or (codings and lengths):
            raise BadAnswer
        if codings and (version == "1.0" or len(codings) > 1 or codings[0].lower() != b"chunked"):
            raise BadAnswer
        self.is_chunked = bool(codings)
        has_body = self.status not in (204, 304)
        self.lasts_until_close = has_body and not codings and not lengths
        self.is_kept_alive = self._parser.should_keep_alive()
