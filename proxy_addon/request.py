"""One request as it came in, and what is asked of the caps for it."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.exchange import RequestFacts
from app.core.origin import MAIN_ORIGIN, Origin
from app.core.reservations import Draft
from app.core.tags import Tags
from app.ledger.identifiers import new_id
from app.pricing.bound import OutputQuote, output_quote
from app.pricing.input_bound import KnownInput
from proxy_addon.identify import Caller, billing_of
from proxy_addon.patience import patience_s
from proxy_addon.routes import Kind, Route

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Of a request, which is held whole until it is judged. Anthropic takes 32 MB (API overview, “Request size limits”);
Google takes PDFs of 50 MB within a request (Gemini API, “File input methods”), which are 67 million bytes in base64.
What is larger goes to a provider's files, and the request names it."""
_SALT = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Request:
    """What came in. `headers` are lower-case; `body` is as it came off the wire. `is_socket`: it asks for one, whose
    turns are judged one by one. `origin` is which part of the agent asks, once the body was looked at."""

    route: Route
    headers: Mapping[str, str]
    body: bytes
    caller: Caller
    is_client_gone: Callable[[], bool]
    is_socket: bool = False
    origin: Origin = MAIN_ORIGIN


def draft_of(request: Request, facts: RequestFacts, tags: Tags, quote: OutputQuote | None = None) -> Draft:
    """What is asked of the caps for one call, of which there may be a quote already."""
    route, quote = request.route, quote or quote_of(request.route, facts)
    return Draft(
        call_id=new_id(),
        at=quote.at,
        provider=route.provider,
        api_shape=route.api_shape,
        operation=route.operation,
        request_model=facts.model,
        is_stream=facts.is_stream,
        tags=tags.labelled(request.caller.task, request.caller.session or facts.session),
        billing=billing_of(request.caller, route),
        origin=request.origin,
        carries_results=bool(facts.tool_results),
        input_mark=_input_mark(facts),
        worst_nano_usd=quote.whole,
    )


def quote_of(route: Route, facts: RequestFacts, known: KnownInput | None = None) -> OutputQuote:
    """The most the call costs now."""
    now, host = datetime.now(UTC), route.upstream.host
    return output_quote(provider=route.provider, facts=facts, started_at=now, host=host, known=known)


def mark_of(request: Request, tags: Tags, said: bytes) -> str:
    """What a request, or a turn, shares with the same one sent again and with no other: who sends it, and all it
    says. Empty for a turn that nobody asked for."""
    if not said and request.is_socket:
        return ""
    who = f"{tags.virtual_key_id}\n{tags.session}\n{request.route.path}\n".encode()
    return hashlib.sha256(who + said).hexdigest()


def _input_mark(facts: RequestFacts) -> str:
    """Equal for the same input, and of no use to whoever does not know this process's salt."""
    if not facts.blocks:
        return ""
    said = facts.blocks[-1].prefix + facts.continues.encode(errors="surrogatepass")  # JSON may hold half a character
    return hashlib.blake2b(said, key=_SALT, digest_size=16).hexdigest()


def patience_of(request: Request) -> float:
    """How long to wait for a person. Nobody is asked about what Bursar cannot follow: a hard cap refuses it."""
    return 0.0 if request.route.kind is Kind.UNKNOWN else patience_s(request.headers)
