"""The way to a provider's own host, or to the one that the settings name in its place, for what is not an agent's call.

A key goes there over TLS and nowhere else: no redirect is followed and no proxy of the environment is asked, as the
meter does neither.
"""

import http.client
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import certifi

from app.core.errors import InvalidInput
from app.core.providers import Provider

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
MORE_HEADERS = {"anthropic": {"anthropic-version": "2023-06-01"}}
# The gateway's names of services, by which the settings may name an upstream as well.
_OTHER_NAMES = {"google": "gemini", "x-ai": "xai", "moonshotai": "moonshot"}


def provider_place(provider: Provider, upstreams: Mapping[str, str]) -> SplitResult | None:
    """Where a provider is asked; None where every customer has a host of one's own and the settings name none.

    Raises InvalidInput for an upstream that no key may be sent to.
    """
    chosen = upstreams.get(provider.name) or upstreams.get(_OTHER_NAMES.get(provider.name, ""))
    if chosen is None:
        return urlsplit(f"https://{provider.host}") if provider.host else None
    place = urlsplit(chosen)
    is_safe = place.scheme == "https" or (place.scheme == "http" and place.hostname in _LOOPBACK)
    if not is_safe or not place.hostname:
        raise InvalidInput("Not a provider address", f"“{chosen[:80]}” in the settings must begin with https://.")
    return place


def connection_to(place: SplitResult, time_limit_s: float) -> http.client.HTTPConnection:
    """A connection that is not opened yet. Each step of it may take `time_limit_s`."""
    host = place.hostname or ""
    if place.scheme == "https":
        trust = ssl.create_default_context(cafile=certifi.where())  # what the meter trusts
        return http.client.HTTPSConnection(host, place.port, timeout=time_limit_s, context=trust)
    return http.client.HTTPConnection(host, place.port, timeout=time_limit_s)
