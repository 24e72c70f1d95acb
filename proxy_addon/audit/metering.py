"""Rows out of one captured exchange, read as the meter reads a live one."""

from collections.abc import Iterator
from dataclasses import replace

from app.core.call import ApiShape
from app.core.exchange import RequestFacts, ResponseFacts
from app.pricing.table import Priced
from proxy_addon.audit.captures import Body, Capture, Unreadable
from proxy_addon.audit.costs import NOTHING_TO_PAY, cost_of
from proxy_addon.audit.places import Place, place_of
from proxy_addon.audit.rows import Row
from proxy_addon.audit.sockets import turn_rows
from proxy_addon.content_decoding import UndecodableContent, decoder_for
from proxy_addon.shapes import UnreadableRequest, shape_for
from proxy_addon.tap import MAX_BODY_BYTES, Tap

_FIRST_STATUS_THAT_COSTS_NOTHING = 300
"""A provider bills no answer that failed; the meter goes by the same rule."""


def rows_of(file: str, capture: Capture | Unreadable) -> Iterator[Row]:
    """One row, or for a socket one a turn. What cannot be metered is a row that says why."""
    if isinstance(capture, Unreadable):
        yield Row(file, capture.line, error_type=capture.error_type, reason=capture.reason)
        return
    place = place_of(capture)
    row = Row(file, capture.line, source=_source(capture, place))
    if place is None:
        yield replace(row, error_type="unknown_host", reason="No provider that Bursar knows.")
        return
    row = replace(row, provider=place.provider, api_shape=place.api_shape, request_model=capture.told.model)
    if place.api_shape is None:
        yield _unread(row, capture.status)
        return
    facts, doubt = _request_facts(capture, place.api_shape)
    row = replace(row, request_model=facts.model or row.request_model, reason=doubt)
    if capture.messages is None:
        yield _answered(row, capture, place, facts, place.api_shape)
    else:
        yield from turn_rows(row, capture, place, facts, shape_for(place.api_shape).socket_reader(facts))


def _source(capture: Capture, place: Place | None) -> str:
    """Where the exchange comes from: in the recording's own words, else its address. Of a stranger's only the host: a
    browser's HAR is full of paths that are secrets.
    """
    address = capture.address
    path = "" if place is None else address.path.partition("?")[0]
    return capture.source or f"{address.host}{path}"


def _unread(row: Row, status: int | None) -> Row:
    """The row of an exchange on a path of a provider that nothing here can read."""
    if status is not None and status >= _FIRST_STATUS_THAT_COSTS_NOTHING:
        return _priced(replace(row, error_type=f"http_{status}"), NOTHING_TO_PAY)
    return replace(row, error_type="unknown_path", reason="Bursar cannot meter this path.")


def _answered(row: Row, capture: Capture, place: Place, facts: RequestFacts, shape: ApiShape) -> Row:
    """The row of an exchange that is no socket. A stream in a capture may have been cut without anybody noting it:
    there the last usage has to have been told.
    """
    if capture.status is None:
        return replace(row, error_type="no_answer", reason="The capture holds no answer.")
    answer, is_blind = _read_answer(capture.answer, facts, shape)
    row = replace(row, response_model=answer.response_model, usage=answer.usage, error_type=answer.error_type)
    if capture.status >= _FIRST_STATUS_THAT_COSTS_NOTHING:
        return _priced(replace(row, error_type=answer.error_type or f"http_{capture.status}"), NOTHING_TO_PAY)
    if place.is_free:
        return _priced(replace(row, reason="This path costs nothing."), NOTHING_TO_PAY)
    if capture.answer.data is None:
        return replace(row, error_type="no_body", reason="The capture left the body of the answer out.")
    if is_blind:
        row = replace(row, error_type=row.error_type or "unreadable_answer")
    if capture.is_broken:
        row = replace(row, error_type=row.error_type or "interrupted")
    is_whole = answer.is_final or not facts.is_stream
    priced = cost_of(capture, place, facts, answer, is_certain=answer.usage.is_known and is_whole)
    return _priced(_explained(row, answer, priced), priced)


def _request_facts(capture: Capture, shape: ApiShape) -> tuple[RequestFacts, str]:
    """Facts of the request, and what is doubtful about them. The usage stands in the answer, so it is read even where
    the meter would not have let the request pass: a trimmed recording, or a poll that has no body.
    """
    body = capture.request
    try:
        decoder = decoder_for(body.encoding, MAX_BODY_BYTES)
        if decoder is None:
            raise UnreadableRequest("The request is in an encoding that Bursar cannot read.")
        data = b"".join(decoder.decode(body.data or b""))
        return shape_for(shape).read_request(capture.address.path, body.headers, data), ""
    except (UnreadableRequest, UndecodableContent) as error:
        unread = RequestFacts("", is_stream=False, body_bytes=len(body.data or b""))
        return unread, f"{error}" if capture.method == "POST" else ""


def _read_answer(body: Body, facts: RequestFacts, shape: ApiShape) -> tuple[ResponseFacts, bool]:
    """What the answer tells, and whether a part of it could not be read."""
    tap = Tap(
        shape_for(shape).reader(facts, body.headers),
        content_type=body.headers.get("content-type", ""),
        content_encoding=body.encoding,
    )
    tap.tap(body.data or b"")
    return tap.finish(), tap.is_blind


def _explained(row: Row, answer: ResponseFacts, priced: Priced) -> Row:
    """Why a cost is not certain, if there is something to say."""
    if not answer.usage.is_known:
        return replace(row, reason="The answer tells no usage.")
    if priced.cost_nano_usd is None:
        return replace(row, reason="Bursar knows no price for it.")
    return row if answer.is_final else replace(row, reason="The stream ends before its last usage.")


def _priced(row: Row, priced: Priced) -> Row:
    return replace(row, cost_nano_usd=priced.cost_nano_usd, cost_basis=priced.basis)
