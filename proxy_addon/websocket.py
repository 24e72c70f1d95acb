"""An open socket: each turn on it is a call of its own, held before its message goes upstream, settled at its end.

Knows nothing of mitmproxy: it is told the messages that pass, whole and uncompressed, and says which of the client's
goes on. Messages are never changed.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from app.ledger.key_store import KeyHolder
from proxy_addon.exchange import Exchange
from proxy_addon.meter import Denied, Meter
from proxy_addon.permission import forbidden_names
from proxy_addon.refusals import PASSING, Reason
from proxy_addon.request import Request
from proxy_addon.routes import Kind, Route
from proxy_addon.shapes import SocketReader, Turn, UnreadableRequest, shape_for
from proxy_addon.shapes.fields import mapping, read_json


def asks_for_socket(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request opens a WebSocket (RFC 6455, section 4.1) and does nothing else. One that brings a body would
    be a call, if its server did not care for sockets."""
    is_bare = "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"
    is_upgrade = headers.get("upgrade", "").lower() == "websocket" and headers.get("sec-websocket-version") == "13"
    return method == "GET" and is_upgrade and is_bare


def socket_reader(route: Route, path: str, headers: Mapping[str, str]) -> SocketReader | None:
    """A reader for the socket that a request opens; None where it cannot be metered. `path` carries the query."""
    if route.kind is not Kind.METERED:
        return None
    dialect = shape_for(route.api_shape)
    try:
        opening = dialect.read_request(path, headers, b"")
    except UnreadableRequest:  # each message names its model itself
        opening = RequestFacts(model="", is_stream=True, body_bytes=0, is_input_bounded=False)
    return dialect.socket_reader(opening)


LOOK_AGAIN_S = 0.5
"""How often a socket's key is looked up again while its client sends what begins no turn, such as speech."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """What a client hears in the place of an answer: an error frame, or the reason with which its socket is closed."""

    frame: bytes = b""
    close_reason: str = ""


class Socket:
    """The turns of one socket. `holder` is who opened it: what the provider begins by itself is charged to them, even
    when their key was revoked since.

    A key that ends does so here too, whether it was revoked, replaced or has expired. The next turn is refused; and any
    other message closes the socket, since speech makes the provider answer without being asked. A turn on its way then
    ends with it: it is charged, since the provider bills it.
    """

    def __init__(self, meter: Meter, request: Request, holder: KeyHolder, reader: SocketReader) -> None:
        self._meter = meter
        self._request = request
        self._payer = holder.tags
        self._limits = holder.limits
        self._looked_at = time.monotonic()
        self._reader = reader
        self._turns: list[tuple[RequestFacts, Exchange]] = []
        self._is_closed = False

    @property
    def is_idle(self) -> bool:
        """Whether no turn is on its way."""
        return not self._turns

    async def admit(self, message: bytes) -> NotSent | None:
        """Judge a message of the client: None when it goes on, else what the client hears instead."""
        try:
            if words := forbidden_names(self._limits, "", message):
                return self.refusal(message, Reason.NOT_ALLOWED, words)
            facts = self._reader.sent(message)
        except UnreadableRequest as error:
            return self.refusal(message, Reason.UNREADABLE, f"{error} It was not sent.")
        if facts is None:
            return await self._closing()
        admitted = await self._meter.admit_turn(self._request, facts, message)
        if isinstance(admitted, Denied):
            self._reader.withdraw(facts)
            return self.refusal(message, admitted.reason, admitted.message)
        if self._is_closed:
            admitted.end_broken(self._meter.recorder, error_type="client_left", was_sent=False)
            return self.refusal(message, Reason.UNAVAILABLE, "This socket has closed. It was not sent.")
        self._turns.append((facts, admitted))
        return None

    async def _closing(self) -> NotSent | None:
        """The close of a socket whose key has ended, looked up for a message that begins no turn, but not for each."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_AGAIN_S:
            return None
        self._looked_at = now
        denied = await self._meter.check_key(self._request)
        return None if denied is None or denied.reason is not Reason.KEY else NotSent(close_reason=denied.message)

    def note(self, message: bytes) -> None:
        """Take note of a message of the provider, and settle the turns that it ends."""
        for _, exchange in self._turns[:1]:
            exchange.first_chunk_at = exchange.first_chunk_at or time.monotonic()
        for turn in self._reader.received(message):
            if not self._end(turn, is_whole=True) and turn.answer.usage.is_known:
                self._meter.book_unasked(self._request, self._payer, turn.answer, is_whole=True)

    def close(self, error_type: str) -> None:
        """The socket is closed: settle what has not ended by what was seen of it."""
        self._is_closed = True
        for turn in self._reader.open_turns():
            is_ours = self._end(turn, is_whole=False, error_type=error_type)
            if not is_ours and turn.request is None and (turn.answer.output_bytes or turn.answer.usage.is_known):
                payer, answer = self._payer, turn.answer
                self._meter.book_unasked(self._request, payer, answer, is_whole=False, error_type=error_type)

    def refusal(self, message: bytes, reason: Reason, words: str) -> NotSent:
        """An error in the dialect's own words, for the client that sent `message`."""
        frame = _FRAMES.get(self._request.route.api_shape)
        if frame is None:  # Live has no error message: its server closes the socket, with a reason
            return NotSent(close_reason=words)
        return NotSent(frame=msgspec.json.encode(frame(mapping(read_json(message)), reason, words)))

    def _end(self, turn: Turn, *, is_whole: bool, error_type: str = "") -> bool:
        """Settle a turn; False where the provider began it by itself."""
        for position, (facts, exchange) in enumerate(self._turns):
            if facts is turn.request:
                del self._turns[position]
                exchange.end_turn(self._meter.recorder, turn.answer, is_whole=is_whole, error_type=error_type)
                return True
        return False


def _responses_frame(message: Mapping[str, object], reason: Reason, words: str) -> dict[str, object]:
    """With `invalid_prompt` Codex prints the message alone and stops; other codes it tries six times (measured)."""
    is_final = reason not in PASSING
    status, kind, code = (400, "invalid_request_error", "invalid_prompt") if is_final else (503, *["server_error"] * 2)
    lane = {"stream_id": message["stream_id"]} if isinstance(message.get("stream_id"), str) else {}
    return {"type": "error", "status": status, "error": {"type": kind, "code": code, "message": words}} | lane


def _realtime_frame(message: Mapping[str, object], reason: Reason, words: str) -> dict[str, object]:
    """The `error` event of OpenAI's Realtime API reference."""
    code = "insufficient_quota" if reason is Reason.CAP else "invalid_request"
    about = message.get("event_id")
    told = {"type": "invalid_request_error", "code": code, "message": words, "param": None, "event_id": about}
    return {"type": "error", "event_id": "event_bursar", "error": told}


_FRAMES: Mapping[ApiShape, Callable[[Mapping[str, object], Reason, str], dict[str, object]]] = {
    ApiShape.OPENAI_RESPONSES: _responses_frame,
    ApiShape.OPENAI_REALTIME: _realtime_frame,
}
