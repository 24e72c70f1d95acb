"""The door that is not on loopback: who is not encrypted, does not know its name or has no virtual key stays out.

It stands before all else that happens to a request. Whose key is unknown gets a short answer; what a stranger sends
after the headers is not waited for, since mitmproxy would keep all of it in memory before it looked at the answer.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from mitmproxy import http

from app.core.errors import AppError
from app.core.network import NetworkPlace
from proxy_addon.header_fields import lower_headers
from proxy_addon.identify import Caller, caller_of
from proxy_addon.refusals import unreachable_body
from proxy_addon.walls import is_from_web_page

NETWORK_TARGET = "network.invalid"
"""Where a request to this door would go if nothing routed it: nowhere (RFC 6761). It tells the door from the other."""
SHORT_BODY_BYTES = 1_000_000

logger = logging.getLogger(__name__)


def is_at_network_door(flow: http.HTTPFlow) -> bool:
    """Whether a request came to the address that a person opened."""
    mode = flow.client_conn.proxy_mode
    return mode.type_name == "reverse" and mode.data.endswith(NETWORK_TARGET)


class NetworkDoor:
    """mitmproxy's hook, to be called before the meter's. `check` raises KeyRejected for a caller without a key that is
    in force."""

    def __init__(self, place: NetworkPlace, check: Callable[[Caller], Awaitable[None]]) -> None:
        self._place = place
        self._check = check

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Show out who may not come in."""
        if not is_at_network_door(flow):
            return
        headers = lower_headers(flow.request.headers.fields)
        try:
            answer = await self._answer(flow, headers)
        except Exception:
            logger.exception("a request from the network could not be judged")
            flow.kill()
            return
        if answer is not None and not _is_short(headers):
            flow.kill()
        elif answer is not None:
            flow.response = answer

    async def _answer(self, flow: http.HTTPFlow, headers: dict[str, str]) -> http.Response | None:
        is_called = self._place.is_called(flow.request.host_header or "")
        if is_from_web_page(headers) or not flow.client_conn.tls_established or not is_called:
            return http.Response.make(403)
        try:
            await self._check(caller_of(headers, flow.request.query.get("key", "")))
        except AppError as error:
            message = unreachable_body(f"{error.title}. {error.message}")
            return http.Response.make(401, message, {"content-type": "application/json", "connection": "close"})
        return None


def _is_short(headers: Mapping[str, str]) -> bool:
    """Whether the body that comes is known to be short, or none comes."""
    if "transfer-encoding" in headers:
        return False
    length = headers.get("content-length", "0")
    return length.isascii() and length.isdigit() and int(length) <= SHORT_BODY_BYTES
