"""One answer on its way from the provider to the agent, the same whichever lane carries it: the tap is put on it, what
the agent did not ask for is taken out, the key is masked, and the call's money is looked after with each chunk.
"""

from collections.abc import Callable
from dataclasses import dataclass

from proxy_addon.framing import is_body
from proxy_addon.header_fields import Fields, bytes_of, has, lower_headers, with_field, without
from proxy_addon.include_usage import MAY_REFUSE_USAGE, UsageHider
from proxy_addon.masking import KeyMask, MaskedStream
from proxy_addon.refusals import unreachable_body
from proxy_addon.running import PassOn, RunningCalls
from proxy_addon.sending import Sending
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer with its body, as it came off the wire. Without a reason there is the usual one."""

    status: int
    fields: Fields
    body: bytes
    reason: bytes = b""


class Delivery:
    """One answer that has begun. `fields` is its head as the agent sees it, but for what `told` adds.

    `is_held_back`: nothing of it may go on before its body is whole, since its error may be our own fault. `cut` breaks
    the answer off, and without `can_chunk` the client understands no chunks. After the last chunk, `is_sound` tells
    whether the answer may end like a whole one.
    """

    def __init__(
        self,
        sending: Sending,
        status: int,
        fields: Fields,
        running: RunningCalls,
        cut: Callable[[], object],
        *,
        can_chunk: bool = True,
    ) -> None:
        self.fields = fields if sending.mask is None else masked_fields(fields, sending.mask)
        self._exchange = exchange = sending.exchange
        self._can_chunk = can_chunk
        self.is_held_back = exchange is not None and exchange.plain_body is not None and status in MAY_REFUSE_USAGE
        headers = lower_headers(fields)
        pass_on: PassOn | None = None
        if exchange is not None and not self.is_held_back:
            tap = put_tap(sending, status, headers)
            is_hiding = exchange.plain_body is not None and not is_body(headers.get("content-type", ""))
            pass_on = running.watched(exchange, self._hiding(tap, headers) if is_hiding else tap.tap)
        self._pass_on = pass_on
        self._masked = None
        if sending.mask is not None and not self.is_held_back:
            encoding = headers.get("content-encoding", "") if has(self.fields, b"content-encoding") else ""
            self._masked = MaskedStream(sending.mask, pass_on, encoding, cut)

    @property
    def is_watched(self) -> bool:
        """Whether its chunks must go through `pass_on`."""
        return self._pass_on is not None or self._masked is not None

    @property
    def is_sound(self) -> bool:
        """False where a part of the answer is missing: it must not look whole."""
        hider = None if self._exchange is None else self._exchange.hider
        is_broken = hider is not None and hider.is_broken
        return not is_broken and not (self._masked is not None and self._masked.is_cut)

    @property
    def is_told(self) -> bool:
        """Whether the head has not to wait for what the agent is told of its money."""
        return self._exchange is None or self._exchange.is_told

    async def wait_told(self) -> None:
        """Wait for that, not for long."""
        if self._exchange is not None:
            await self._exchange.wait_told()

    def told(self) -> Fields:
        """The head's fields with what the agent is told of its money."""
        if self._exchange is not None:
            for name, value in self._exchange.told_headers().items():
                self.fields = with_field(self.fields, name.encode(), bytes_of(value))
        return self.fields

    def pass_on(self, chunk: bytes) -> bytes:
        """What goes on of a chunk; of the empty one, which is the end, what was held until then."""
        if self._masked is not None:
            return b"".join(self._masked.stream(chunk))
        passed = chunk if self._pass_on is None else self._pass_on(chunk)
        return passed if isinstance(passed, bytes) else b"".join(passed)

    def _hiding(self, tap: Tap, headers: dict[str, str]) -> PassOn:
        """What passes an answer on without the chunk that the client did not ask for. Its length is not known then."""
        assert self._exchange is not None
        self._exchange.hider = hider = UsageHider(headers.get("content-encoding", ""))
        if hider.is_decoding:
            self.fields = without(self.fields, (b"content-encoding",))
        if has(self.fields, b"content-length"):
            self.fields = without(self.fields, (b"content-length",))
            if self._can_chunk:
                self.fields = with_field(self.fields, b"transfer-encoding", b"chunked")
        return lambda chunk: hider.pass_on(tap.tap(chunk))


def put_tap(sending: Sending, status: int, headers: dict[str, str]) -> Tap:
    """The tap on a metered answer whose head is known."""
    exchange = sending.exchange
    assert exchange is not None
    exchange.status_code = status
    exchange.tap = Tap(
        shape_for(exchange.route.api_shape).reader(exchange.facts, headers),
        content_type=headers.get("content-type", ""),
        content_encoding=headers.get("content-encoding", ""),
    )
    return exchange.tap


def masked_fields(fields: Fields, mask: KeyMask) -> Fields:
    """A head without the key."""
    if not mask.is_in(b"\n".join([part for field in fields for part in field])):
        return fields
    return tuple((mask.whole(name), mask.whole(value)) for name, value in fields)


def masked_answer(answer: WholeAnswer, mask: KeyMask | None) -> WholeAnswer:
    """A whole answer without the key; not at all, where it quotes the key in packed bytes."""
    if mask is None:
        return answer
    encoding = lower_headers(answer.fields).get("content-encoding", "")
    if encoding and not mask.is_in(answer.body) and mask.seen_by(answer.body, encoding):
        return own_error("The provider's answer was not passed on, because it quoted your provider key.")
    fields = masked_fields(answer.fields, mask)
    return WholeAnswer(answer.status, fields, mask.whole(answer.body), mask.whole(answer.reason))


def own_error(words: str) -> WholeAnswer:
    """A 502 of our own, as JSON that SDKs can read."""
    body = unreachable_body(words)
    fields = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)))
    return WholeAnswer(502, fields, body)
