"""The meter's calls from their heads to their ends, the same whichever lane carries them, and free of mitmproxy.

A lane asks `Calls.judge` about each whole request on a metered host, sends the `Sending` it is given, lets a `Delivery`
look at the answer, and tells in the end that it was `complete`, or has `broken`. Each word about a call that has ended
is ignored.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from proxy_addon.delivery import Delivery, WholeAnswer, masked_answer, own_error, put_tap
from proxy_addon.header_fields import Fields, lower_headers
from proxy_addon.identify import Caller, caller_of
from proxy_addon.include_usage import is_about_usage
from proxy_addon.masking import SentKeys
from proxy_addon.meter import Cleared, Meter, Refused
from proxy_addon.refusals import Reason, Refusal, refusal, too_large
from proxy_addon.request import MAX_BODY_BYTES, Request
from proxy_addon.resend import NotSentAgain, send_again
from proxy_addon.routes import Route
from proxy_addon.running import RunningCalls
from proxy_addon.sending import Sending, sending_of

JSON = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Head:
    """A request's head as it came. `target` is its path with the query, `user` the name given to the forward proxy."""

    method: str
    target: str
    fields: Fields
    headers: Mapping[str, str]
    user: str = ""

    @classmethod
    def of(cls, method: str, target: str, fields: Fields, user: str = "") -> "Head":
        """A head with its headers read."""
        return cls(method, target, fields, lower_headers(fields), user)

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """As it came."""
        return self.target.partition("?")[2]

    @property
    def caller(self) -> Caller:
        """Who is calling."""
        key = ""
        if self.query:
            pairs = parse_qsl(self.query.partition("#")[0], keep_blank_values=True, errors="surrogateescape")
            key = next((value for name, value in pairs if name == "key"), "")
        return caller_of(self.headers, key, self.user)


class Calls:
    """All calls of one meter process. To be used on the event loop."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.in_flight = RunningCalls(meter.recorder)
        self.sent_keys = SentKeys()
        self._is_draining = False

    async def drain(self, limit_s: float) -> None:
        """Send no further request, and wait for the answers of those that were sent."""
        self._is_draining = True
        await self.in_flight.drain(limit_s)

    async def judge(
        self,
        route: Route,
        head: Head,
        body: bytes,
        *,
        is_client_gone: Callable[[], bool],
        close: Callable[[], object],
        is_socket: bool = False,
    ) -> tuple[Request, Sending | Refused]:
        """Clear or refuse one whole request, waiting as long as a person may need. `close` breaks off its connection to
        the provider. What was cleared must be sent or be told to have broken."""
        caller = head.caller
        request = Request(route, head.headers, body, caller, is_client_gone, is_socket)
        if len(body) > MAX_BODY_BYTES:  # in chunks, which do not tell their length before
            return request, Refused(too_large(route.api_shape, caller.user_agent, MAX_BODY_BYTES))
        if self._is_draining:
            return request, _stopping(request)
        cleared = await self._decide(request)
        if isinstance(cleared, Refused):
            return request, cleared
        try:
            sending = sending_of(route, head.query, head.fields, body, cleared, self.sent_keys)
        except BaseException:
            if cleared.exchange is not None:
                cleared.exchange.end_broken(self.meter.recorder, error_type="meter_failed", was_sent=False)
            raise
        if sending.exchange is not None:
            self.in_flight.add(sending.exchange, close)
        return request, sending

    def deliver(
        self, sending: Sending, status: int, fields: Fields, cut: Callable[[], object], *, can_chunk: bool = True
    ) -> Delivery:
        """The answer to a request begins. `cut` breaks it off."""
        if sending.route.upstream.scheme == "https":  # nobody on the way could change its date
            self.meter.clock.hear(
                next((value for name, value in fields if name.lower() == b"date"), b"").decode("latin-1")
            )
        return Delivery(sending, status, fields, self.in_flight, cut, can_chunk=can_chunk)

    async def answer_held_back(self, sending: Sending, answer: WholeAnswer) -> WholeAnswer:
        """What the client gets in place of an answer that was held back, and the end of its call.

        An error about the question that we put into the request is replaced by the answer to the request as it came.
        """
        exchange = sending.exchange
        assert exchange is not None
        try:
            if is_about_usage(answer.body):
                answer = await self._asked_plainly(sending)
            put_tap(sending, answer.status, lower_headers(answer.fields)).tap(answer.body)
            exchange.end_complete(self.meter.recorder)
        except NotSentAgain:
            exchange.end_broken(self.meter.recorder, error_type="provider_broke_off", was_sent=True)
            answer = own_error("The provider broke off.")
        self.in_flight.discard(exchange)
        return masked_answer(answer, sending.mask)

    def complete(self, sending: Sending) -> None:
        """The answer has been passed on whole."""
        if sending.exchange is not None:
            sending.exchange.end_complete(self.meter.recorder)
            self.in_flight.discard(sending.exchange)

    def broken(self, sending: Sending, *, is_client: bool, was_sent: bool) -> None:
        """The call broke off, by the client or else by the provider. `was_sent`: a byte of it may have arrived."""
        if sending.exchange is not None:
            error_type = "client_left" if is_client else "provider_broke_off" if was_sent else "provider_unreachable"
            sending.exchange.end_broken(self.meter.recorder, error_type=error_type, was_sent=was_sent)
            self.in_flight.discard(sending.exchange)

    async def _decide(self, request: Request) -> Cleared | Refused:
        """Clear or refuse a request. Once the meter stops nobody would wait for the answer of one that is cleared."""
        decision = await self.meter.decide(request)
        if isinstance(decision, Refused) or not self._is_draining:
            return decision
        if decision.exchange is not None:
            decision.exchange.end_broken(self.meter.recorder, error_type="meter_stopped", was_sent=False)
        return _stopping(request)

    async def _asked_plainly(self, sending: Sending) -> WholeAnswer:
        """The answer to the request without our question, which its server is not asked again. Raises NotSentAgain."""
        exchange = sending.exchange
        assert exchange is not None
        assert exchange.plain_body is not None
        self.meter.refusing.add(exchange.route, exchange.facts.model)
        headers = lower_headers(sending.fields)
        upstream = exchange.route.upstream
        again = await asyncio.to_thread(send_again, upstream, sending.target, headers, exchange.plain_body)
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in again.headers]
        return WholeAnswer(again.status, (*fields, (b"content-length", b"%d" % len(again.body))), again.body)


def _stopping(request: Request) -> Refused:
    message = "Bursar's meter is stopping. Try again in a moment."
    return Refused(refusal(request.route.api_shape, request.caller.user_agent, Reason.UNAVAILABLE, message))


def turned_away_early(route: Route, headers: Mapping[str, str], *, is_metered_socket: bool) -> Refusal | None:
    """What can be told from the headers alone: a socket that would escape the meter, a body beyond reading."""
    agent = headers.get("user-agent", "")
    if "upgrade" in headers and not is_metered_socket:
        # Codex tries a socket first and goes on over plain HTTP at once after a 426 (measured).
        message = "Bursar meters calls over plain HTTP. Nothing was sent."
        return Refusal(426, dict(JSON), refusal(route.api_shape, agent, Reason.UNREADABLE, message).body)
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        return too_large(route.api_shape, agent, MAX_BODY_BYTES)
    return None
