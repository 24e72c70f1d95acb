"""mitmproxy's reading of HTTP/1.1, held to limits: it sets none of its own, and calls denial of service no fault.

A head has 256 kB and, once begun, ten seconds; a body that is read before it is judged has a limit, and must get on. A
head that can be read in two ways goes no further (`heads`). What is refused by its head is answered at once: what still
comes of its body is dropped, not held. Interim answers (1xx) and trailers, which mitmproxy takes for the answer itself
and trips over, are left out.

There is no hook for any of this, so three of mitmproxy's classes are replaced by ours, which stand on them; a test sees
to it that they are the ones in use.
"""

import re
import time
from typing import Any

from h11 import EndOfMessage, RemoteProtocolError
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from mitmproxy.flow import Error
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import http as layers
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.layers.http._base import ReceiveHttp
from mitmproxy.proxy.layers.http._events import (
    ErrorCode,
    RequestData,
    RequestHeaders,
    RequestProtocolError,
    ResponseEndOfMessage,
    ResponseProtocolError,
)
from mitmproxy.proxy.layers.http._hooks import (
    HttpErrorHook,
    HttpRequestHook,
    HttpResponseHeadersHook,
)

from proxy_addon.heads import AmbiguousHead, check_request_head, status_of
from proxy_addon.limits import (
    BODY_S,
    HEAD_S,
    LINGER_S,
    MAX_HEAD_BYTES,
    MAX_HELD_ANSWER_BYTES,
    MAX_INTERIM_ANSWERS,
    SLOWEST_BYTES_PER_S,
)
from proxy_addon.request import MAX_BODY_BYTES

type Commands = layer.CommandGenerator[None]

_BLANK_LINE = re.compile(rb"\n\r?\n")


def read_strictly() -> None:
    """Let mitmproxy use the classes below. To be called before it listens."""
    for ours in (StrictServer, StrictClient, StrictStream):
        setattr(layers, ours.__bases__[-1].__name__, ours)
    _http1.make_body_reader = _body_reader


class _Buffer(ReceiveBuffer):
    """Bytes that came and are not read yet."""

    _searched = 0

    def head(self) -> bytes | None:
        """The head that they begin with; None while its end has not come."""
        found = _BLANK_LINE.search(self._data, max(0, self._searched - 2))
        self._searched = 0 if found else len(self._data)
        return None if found is None else bytes(self._data[: found.end()])

    def drop(self, count: int) -> None:
        """Forget that many bytes at the beginning."""
        self.maybe_extract_at_most(count)

    def drop_empty_lines(self) -> None:
        """Forget empty lines before a head (RFC 9112, section 2.2)."""
        while self._data.startswith(b"\r\n"):
            self.drop(2)


class _Chunks(ChunkedReader):
    """Chunks without trailers, and without lengths or extensions that have no end."""

    def __call__(self, buffer: ReceiveBuffer) -> Any:
        """The next piece, None while it has not come."""
        read = super().__call__(buffer)
        if read is None and len(buffer) > MAX_HEAD_BYTES:
            raise RemoteProtocolError("What stands between the chunks is too long.")
        return EndOfMessage() if isinstance(read, EndOfMessage) else read


_make_body_reader = _http1.make_body_reader


def _body_reader(expected_size: int | None) -> Any:
    return _Chunks() if expected_size is None else _make_body_reader(expected_size)


class _Ended(_http1.Http1Connection):
    """Reads no more of a body that has broken: mitmproxy would, and close its connection a second time."""

    def read_body(self, event: events.Event) -> Commands:
        """A body, piece by piece."""
        for command in super().read_body(event):
            yield command
            if isinstance(command, commands.CloseConnection):
                self.state = self.done


class StrictServer(_Ended, _http1.Http1Server):
    """The side of the client."""

    buf: _Buffer

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.buf = _Buffer()
        self._due: float | None = None
        self._wakes_at: float | None = None
        self._came = 0

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Wakeup):
            self._wakes_at = None
            yield from self._look_at_clock()
            return
        if isinstance(event, events.DataReceived):
            self._came += len(event.data)
        yield from super()._handle_event(event)

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """A request's head, once it is whole."""
        if not isinstance(event, events.DataReceived):
            yield from super().read_headers(event)
            return
        self.buf.drop_empty_lines()
        head = self.buf.head()
        if len(self.buf if head is None else head) > MAX_HEAD_BYTES:
            yield from self._turn_away(431, "Its head is too long.")
        elif head is not None:
            yield from self._take(head, event)
        elif self.buf and not self._is_head_begun:
            self._is_head_begun = True
            yield from self._end_within(HEAD_S)

    _is_head_begun = False

    def _take(self, head: bytes, event: events.ConnectionEvent) -> Commands:
        try:
            check_request_head(head)
        except AmbiguousHead as error:
            yield from self._turn_away(400, str(error))
            return
        self._is_head_begun, self._due, self._came = False, None, 0
        yield from super().read_headers(event)
        if self.state == self.read_body and self._due is None:
            yield from self._end_within(BODY_S)

    def wait(self, event: events.Event) -> Commands:
        """What comes while a request is answered: the next one at most."""
        yield from super().wait(event)
        if len(self.buf) > MAX_HEAD_BYTES:
            yield from self._break_off("Client sends more than it may.", ErrorCode.CLIENT_DISCONNECTED)

    def mark_done(self, *, request: bool = False, response: bool = False) -> Commands:
        """The request has been read, or the answer sent."""
        if request:
            self._due = None
        elif not self.request_done:
            yield from self._end_within(LINGER_S)
        yield from super().mark_done(request=request, response=response)

    def _end_within(self, seconds: float) -> Commands:
        """See to it that what is being read now ends by then."""
        self._due = time.monotonic() + seconds
        if self._wakes_at is None or self._due < self._wakes_at:
            self._wakes_at = self._due
            yield commands.RequestWakeup(seconds)

    def _look_at_clock(self) -> Commands:
        if self._due is None:
            return
        left = self._due - time.monotonic()
        if self.state == self.read_body and not self.response_done:
            left += self._came / SLOWEST_BYTES_PER_S
        if left > 0:
            self._wakes_at = time.monotonic() + left
            yield commands.RequestWakeup(left)
        elif self.state == self.read_headers:
            yield from self._turn_away(408, "It did not come in time.")
        elif self.state == self.read_body:
            if not self.response:
                yield commands.SendData(self.conn, _http1.make_error_response(408, "It did not come in time."))
            yield from self._break_off("Client is too slow.", ErrorCode.GENERIC_CLIENT_ERROR)

    def _turn_away(self, status: int, words: str) -> Commands:
        """Answer what cannot be read, and close."""
        yield commands.SendData(self.conn, _http1.make_error_response(status, words))
        yield commands.CloseConnection(self.conn)
        self.state = self.done

    def _break_off(self, words: str, code: ErrorCode) -> Commands:
        yield commands.CloseConnection(self.conn)
        self.state = self.done
        yield ReceiveHttp(RequestProtocolError(self.stream_id, words, code))


class StrictClient(_Ended, _http1.Http1Client):
    """The side of the provider."""

    buf: _Buffer

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.buf = _Buffer()
        self._interim = 0

    def read_headers(self, event: events.ConnectionEvent) -> Commands:
        """An answer's head, once it is whole."""
        try:
            if isinstance(event, events.ConnectionClosed) and self.stream_id and self.buf:
                raise AmbiguousHead("It broke off within the head of its answer.")
            if isinstance(event, events.DataReceived) and self.request and not self._reach_answer():
                return
        except AmbiguousHead as error:
            assert self.stream_id is not None
            yield commands.CloseConnection(self.conn)
            self.state = self.done
            code = ErrorCode.GENERIC_SERVER_ERROR
            yield ReceiveHttp(ResponseProtocolError(self.stream_id, f"The provider is not understood. {error}", code))
            return
        yield from super().read_headers(event)

    def _reach_answer(self) -> bool:
        """Leave out what is said before the answer; whether its whole head is there. Raises AmbiguousHead."""
        while True:
            self.buf.drop_empty_lines()
            head = self.buf.head()
            if len(self.buf if head is None else head) > MAX_HEAD_BYTES or self._interim > MAX_INTERIM_ANSWERS:
                raise AmbiguousHead("The head of its answer is too long.")
            if head is None:
                return False
            status = status_of(head)
            if not 100 <= status < 200 or status == 101:
                return True
            self._interim += 1
            self.buf.drop(len(head))


class StrictStream(layers.HttpStream):
    """One request and its answer."""

    def state_wait_for_request_headers(self, event: RequestHeaders) -> Commands:
        """A request's head: what is refused by it is answered at once."""
        yield from super().state_wait_for_request_headers(event)
        if self.client_state == self.state_consume_request_body and self.flow.response and not event.end_stream:
            yield from self._answer_now()

    def state_consume_request_body(self, event: events.Event) -> Commands:
        """A piece of a body, which is held until its end; one that is too long is judged as far as it came."""
        yield from super().state_consume_request_body(event)
        if isinstance(event, RequestData) and len(self.request_body_buf) > MAX_BODY_BYTES:
            self.flow.request.data.content = bytes(self.request_body_buf)
            self.request_body_buf.clear()
            self.client_state = self.state_errored
            yield HttpRequestHook(self.flow)
            if not (yield from self.check_killed(True)):
                yield from self._answer_now()

    def _answer_now(self) -> Commands:
        """Send the answer that stands, and drop what still comes of the request."""
        assert self.flow.response is not None
        self.client_state = self.state_errored
        self.flow.response.headers["connection"] = "close"
        yield HttpResponseHeadersHook(self.flow)
        yield from self.send_response()
        yield layers.SendHttp(ResponseEndOfMessage(self.stream_id), self.context.client)
        self.flow.live = False
        yield layers.DropStream(self.stream_id)

    def check_body_size(self, request: bool) -> layer.CommandGenerator[bool]:
        """Whether an answer that is held back has become too long. It is broken off then."""
        if request or len(self.response_body_buf) <= MAX_HELD_ANSWER_BYTES:
            return False
        words, code = "The provider's error is too long.", ErrorCode.RESPONSE_TOO_LARGE
        self.response_body_buf.clear()
        self.flow.error = Error(words)
        yield HttpErrorHook(self.flow)
        yield layers.SendHttp(RequestProtocolError(self.stream_id, words, code), self.context.server)
        yield layers.SendHttp(ResponseProtocolError(self.stream_id, words, code), self.context.client)
        self.client_state = self.server_state = self.state_errored
        self.flow.live = False
        return True
