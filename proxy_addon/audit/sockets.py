"""Rows out of a captured socket: one for each turn, in the order in which they ended."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from app.core.exchange import RequestFacts
from proxy_addon.audit.captures import Capture, Message
from proxy_addon.audit.costs import NOTHING_TO_PAY, cost_of
from proxy_addon.audit.places import Place
from proxy_addon.audit.rows import Row
from proxy_addon.shapes import SocketReader, Turn, UnreadableRequest


def turn_rows(
    row: Row, capture: Capture, place: Place, facts: RequestFacts, reader: SocketReader | None
) -> Iterator[Row]:
    """`row` filled in for each turn; once, without a turn, where the socket had none. `facts` are the opening's."""
    turn = 0
    for is_ended, told in _turns(reader, capture.messages or ()):
        turn += 1
        asked, answer = told.request or facts, told.answer
        if answer.error_type and not (answer.response_id or answer.output_bytes or answer.usage.is_known):
            priced = NOTHING_TO_PAY  # an error in the place of an answer
        else:
            priced = cost_of(capture, place, asked, answer, is_certain=is_ended and answer.is_final)
        yield replace(
            row,
            turn=turn,
            request_model=asked.model or row.request_model,
            response_model=answer.response_model,
            usage=answer.usage,
            cost_nano_usd=priced.cost_nano_usd,
            cost_basis=priced.basis,
            error_type=answer.error_type or ("" if is_ended else "interrupted"),
            reason="" if answer.usage.is_known else "The turn tells no usage.",
        )
    if not turn:
        reason = "Bursar cannot meter this socket." if reader is None else "No turn of the socket tells usage."
        yield replace(row, error_type="unmetered_socket" if reader is None else "", reason=reason)


def _turns(reader: SocketReader | None, messages: tuple[Message, ...]) -> Iterator[tuple[bool, Turn]]:
    """Whether a turn ended, and what is known of it. One that the provider had not begun to answer is none."""
    if reader is None:
        return
    for message in messages:
        if message.is_sent:
            with suppress(UnreadableRequest):  # the provider may have read it all the same, and then answers
                reader.sent(message.data)
        else:
            yield from ((True, turn) for turn in reader.received(message.data))
    yield from ((False, turn) for turn in reader.open_turns() if turn.is_begun)
