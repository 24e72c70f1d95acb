"""Which provider and dialect an exchange belongs to: by the meter's own routes where host and path tell.

What a recording says of itself is taken only where they do not: its host is a stranger's, or it has none.
"""

from dataclasses import dataclass
from functools import cache

from app.core.call import ApiShape
from proxy_addon.audit.captures import Address, Capture
from proxy_addon.routes import Kind, Route, Routes
from proxy_addon.service_table import SERVICES

_PROVIDERS = {service.name: service.provider for service in SERVICES}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
DIALECTS = {
    "anthropic.messages": ApiShape.ANTHROPIC_MESSAGES,
    "anthropic.vertex.rawPredict": ApiShape.ANTHROPIC_MESSAGES,
    "anthropic.vertex.streamRawPredict": ApiShape.ANTHROPIC_MESSAGES,
    "anthropic.complete": ApiShape.ANTHROPIC_COMPLETE,
    "openai.chat": ApiShape.OPENAI_CHAT,
    "openai.completions": ApiShape.OPENAI_COMPLETIONS,
    "openai.responses": ApiShape.OPENAI_RESPONSES,
    "openai.responses.compact": ApiShape.OPENAI_RESPONSES,
    "openai.embeddings": ApiShape.OPENAI_EMBEDDINGS,
    "openai.images": ApiShape.OPENAI_MEDIA,
    "openai.assistants": ApiShape.OPENAI_ASSISTANTS,
    "openai.realtime.ws": ApiShape.OPENAI_REALTIME,
    "voyage.rerank": ApiShape.OPENAI_EMBEDDINGS,
    "gemini.generateContent": ApiShape.GEMINI,
    "gemini.streamGenerateContent": ApiShape.GEMINI,
    "gemini.embedContent": ApiShape.GEMINI_EMBEDDINGS,
    "gemini.batchEmbedContents": ApiShape.GEMINI_EMBEDDINGS,
    "gemini.predict": ApiShape.GEMINI_EMBEDDINGS,
    "gemini.interactions": ApiShape.GEMINI_INTERACTIONS,
    "gemini.live": ApiShape.GEMINI_LIVE,
    "bedrock.converse": ApiShape.BEDROCK_CONVERSE,
    "bedrock.converse-stream": ApiShape.BEDROCK_CONVERSE,
    "bedrock.invoke": ApiShape.BEDROCK_INVOKE,
    "bedrock.invoke-with-response-stream": ApiShape.BEDROCK_INVOKE,
    "cohere.v1.chat": ApiShape.COHERE,
    "cohere.v1.generate": ApiShape.COHERE,
    "cohere.v1.rerank": ApiShape.COHERE,
    "cohere.v2.chat": ApiShape.COHERE,
    "cohere.v2.embed": ApiShape.COHERE,
    "cohere.v2.rerank": ApiShape.COHERE,
    "ollama.chat": ApiShape.OLLAMA,
    "ollama.generate": ApiShape.OLLAMA,
}
"""What recordings call the dialects."""


@dataclass(frozen=True, slots=True)
class Place:
    """`api_shape` is None where nothing is known that could read the answer, `is_free` tells that nothing is to pay."""

    provider: str
    api_shape: ApiShape | None
    host: str
    is_free: bool = False


def place_of(capture: Capture) -> Place | None:
    """Where an exchange went; None where neither its host nor the capture tells."""
    address, told = capture.address, capture.told
    route = _route(capture)
    if route is not None and route.kind is Kind.METERED:
        return Place(route.provider, route.api_shape, route.upstream.host)
    provider = _PROVIDERS.get(told.provider, told.provider) if route is None else route.provider
    if told.api in DIALECTS:
        return Place(provider, DIALECTS[told.api], address.host)
    if route is None:
        return Place(provider, None, address.host) if provider else None
    is_free = route.kind is Kind.FREE
    return Place(provider, route.api_shape if is_free else None, address.host, is_free)


def _route(capture: Capture) -> Route | None:
    """The meter's route. A socket is opened by a GET, on the path that its dialect is otherwise posted to."""
    route = _lookup(capture.method, capture.address)
    if capture.messages is None or (route is not None and route.kind is Kind.METERED):
        return route
    return _lookup("POST", capture.address) or route


def _lookup(method: str, address: Address) -> Route | None:
    """By host, or by the prefix of Bursar's own gateway where the host is this machine."""
    path = address.path.partition("?")[0]
    route = _routes().by_host(method, address.scheme, address.host, address.port, path)
    if route is None and address.host in _LOOPBACK:
        return _routes().by_prefix(method, path)
    return route


@cache
def _routes() -> Routes:
    return Routes()
