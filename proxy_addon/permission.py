"""Whether a virtual key may be used for a request at all: asked before anything is held or sent.

Where a key may use certain models only, a request must name its model itself, and every other model that it names must
be allowed too: a fallback or an advisor would be billed like the one asked for.
"""

from app.core.key_limits import KeyLimits
from app.core.tags import clean_name
from proxy_addon.named_models import named_models
from proxy_addon.routes import Route


def forbidden_place(limits: KeyLimits, route: Route) -> str:
    """Why no request with such a key may go there, as a sentence for the person at the agent; empty where it may."""
    return "" if limits.allows_provider(route.provider) else _sentence(limits, route.provider)


def forbidden_model(limits: KeyLimits, model: str) -> str:
    """The same for the model that a call asks for."""
    if limits.allows_model(model):
        return ""
    return _sentence(limits, model) if model else f"Which model this request uses, it does not say. {_allowed(limits)}"


def forbidden_names(limits: KeyLimits, path: str, body: bytes) -> str:
    """The same for all models named in a request or message. Raises UnreadableRequest."""
    if not limits.models:
        return ""
    found = next((name for name in sorted(named_models(path, body)) if not limits.allows_named(name)), None)
    return "" if found is None else _sentence(limits, found)


def _sentence(limits: KeyLimits, name: str) -> str:
    return f"This virtual key may not be used for {clean_name(name)}. {_allowed(limits)}"


def _allowed(limits: KeyLimits) -> str:
    return f"It may be used for: {limits.words}. Ask its owner for another."
