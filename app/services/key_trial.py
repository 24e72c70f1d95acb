"""Asking a provider whether it takes a key: one read that costs nothing, straight to its host.

The key goes to the provider's own host or to the one that the settings name, over TLS, and nowhere else: no redirect is
followed and no proxy of the environment is asked, as the meter does neither. Of the answer only its status is read.
"""

import http.client
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import certifi

from app.core.errors import InvalidInput
from app.core.provider_keys import Trial
from app.core.providers import Provider, provider_named

TIME_LIMIT_S = 15.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MEANINGS = {
    200: Trial.WORKS,
    400: Trial.REFUSED,  # the request is always the same, so it is about the key: Gemini and xAI answer so
    401: Trial.REFUSED,
    403: Trial.REFUSED,
    404: Trial.UNTESTABLE,  # an upstream of one's own need not have a list of models
    405: Trial.UNTESTABLE,
}
_MORE_HEADERS = {"anthropic": {"anthropic-version": "2023-06-01"}}
# The gateway's names of services, by which the settings may name an upstream as well.
_OTHER_NAMES = {"google": "gemini", "x-ai": "xai", "moonshotai": "moonshot"}


def try_key(provider: str, key: str, upstreams: Mapping[str, str], *, time_limit_s: float = TIME_LIMIT_S) -> Trial:
    """Whether `provider` takes `key`. `upstreams` are those of the settings. Blocks for at most `time_limit_s` a step
    of the connection. Raises InvalidInput for an upstream that no key may be sent to."""
    known = provider_named(provider)
    if known is None or not known.free_path:
        return Trial.UNTESTABLE
    place = _place(known, upstreams)
    if place is None:
        return Trial.UNTESTABLE
    connection = _connection(place, time_limit_s)
    headers = dict([known.with_key(key)]) | _MORE_HEADERS.get(provider, {}) | {"user-agent": "bursar"}
    try:
        connection.request("GET", place.path.rstrip("/") + known.free_path, headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return Trial.UNREACHABLE
    finally:
        connection.close()
    return _MEANINGS.get(status, Trial.UNREACHABLE)


def _place(provider: Provider, upstreams: Mapping[str, str]) -> SplitResult | None:
    """Where to ask; None where every customer has a host of one's own and the settings name none."""
    chosen = upstreams.get(provider.name) or upstreams.get(_OTHER_NAMES.get(provider.name, ""))
    if chosen is None:
        return urlsplit(f"https://{provider.host}") if provider.host else None
    place = urlsplit(chosen)
    is_safe = place.scheme == "https" or (place.scheme == "http" and place.hostname in _LOOPBACK)
    if not is_safe or not place.hostname:
        raise InvalidInput("Not a provider address", f"“{chosen[:80]}” in the settings must begin with https://.")
    return place


def _connection(place: SplitResult, time_limit_s: float) -> http.client.HTTPConnection:
    host = place.hostname or ""
    if place.scheme == "https":
        trust = ssl.create_default_context(cafile=certifi.where())  # what the meter trusts
        return http.client.HTTPSConnection(host, place.port, timeout=time_limit_s, context=trust)
    return http.client.HTTPConnection(host, place.port, timeout=time_limit_s)
