"""Asking a provider whether it takes a key: one read that costs nothing. Of the answer only its status is read."""

import http.client
from collections.abc import Mapping

from app.core.provider_keys import Trial
from app.core.providers import provider_named
from app.services.provider_door import MORE_HEADERS, connection_to, provider_place

TIME_LIMIT_S = 15.0
_MEANINGS = {
    200: Trial.WORKS,
    400: Trial.REFUSED,  # the request is always the same, so it is about the key: Gemini and xAI answer so
    401: Trial.REFUSED,
    403: Trial.REFUSED,
    404: Trial.UNTESTABLE,  # an upstream of one's own need not have a list of models
    405: Trial.UNTESTABLE,
}


def try_key(provider: str, key: str, upstreams: Mapping[str, str], *, time_limit_s: float = TIME_LIMIT_S) -> Trial:
    """Whether `provider` takes `key`. `upstreams` are those of the settings. Blocks for at most `time_limit_s` a step
    of the connection. Raises InvalidInput for an upstream that no key may be sent to."""
    known = provider_named(provider)
    if known is None or not known.free_path:
        return Trial.UNTESTABLE
    place = provider_place(known, upstreams)
    if place is None:
        return Trial.UNTESTABLE
    connection = connection_to(place, time_limit_s)
    headers = dict([known.with_key(key)]) | MORE_HEADERS.get(provider, {}) | {"user-agent": "bursar"}
    try:
        connection.request("GET", place.path.rstrip("/") + known.free_path, headers=headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return Trial.UNREACHABLE
    finally:
        connection.close()
    return _MEANINGS.get(status, Trial.UNREACHABLE)
