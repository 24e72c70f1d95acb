"""A request that was read, and held against what its key allows: before any money is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from app.ledger.key_store import KeyHolder
from proxy_addon.attribution import origin_of
from proxy_addon.content_decoding import UndecodableContent, decoder_for
from proxy_addon.permission import forbidden_model, forbidden_names, forbidden_place
from proxy_addon.refusals import Cause, Reason, cause_headers
from proxy_addon.request import MAX_BODY_BYTES, Request
from proxy_addon.routes import Kind
from proxy_addon.shapes import UnreadableRequest, shape_for


class Turned(Exception):
    """Leaves the meter with a refusal."""

    def __init__(self, reason: Reason, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message
        self.headers = dict(headers or {})


def not_allowed(words: str) -> Turned:
    """The refusal of what a key does not allow."""
    return Turned(Reason.NOT_ALLOWED, words, cause_headers(Cause.NOT_ALLOWED, None, None))


@dataclass(frozen=True, slots=True)
class Judged:
    """A request that was read, and the words in which its key forbids it, empty where it does not."""

    request: Request
    facts: RequestFacts
    body: bytes
    words: str


def judge(request: Request, holder: KeyHolder) -> Judged:
    """Read a request and hold it against its key. Raises Turned."""
    route = request.route
    if route.kind is Kind.UNKNOWN:
        request = replace(request, route=replace(route, api_shape=ApiShape.UNMETERED))
    facts, body = _read(request)
    origin = origin_of(request.headers, route.path, body)
    if origin != request.origin:
        request = replace(request, origin=origin)
    return Judged(request, facts, body, _forbidden(holder, request, facts, body))


def judged_by_memory(request: Request, holder: KeyHolder) -> Judged | None:
    """The same by who is remembered to hold the key; None where it would be refused."""
    if forbidden_place(holder.limits, request.route):
        return None
    try:
        return judge(request, holder)
    except Turned:
        return None


def _forbidden(holder: KeyHolder, request: Request, facts: RequestFacts, body: bytes) -> str:
    try:
        named = forbidden_names(holder.limits, request.route.path, body)
    except UnreadableRequest as error:
        raise Turned(Reason.UNREADABLE, f"{error} Nothing was sent.") from None
    return forbidden_model(holder.limits, facts.model) or named


def _read(request: Request) -> tuple[RequestFacts, bytes]:
    """Facts of the request's body, and that body decoded: Codex may send it compressed."""
    try:
        decoder = decoder_for(request.headers.get("content-encoding", ""), MAX_BODY_BYTES)
        if decoder is None:
            raise UnreadableRequest("The request body is in an encoding that Bursar cannot read.")
        body = b"".join(decoder.decode(request.body))
        return shape_for(request.route.api_shape).read_request(request.route.path, request.headers, body), body
    except (UnreadableRequest, UndecodableContent) as error:
        raise Turned(Reason.UNREADABLE, f"{error} Nothing was sent.") from None
