"""mitmproxy's hooks, and nothing but: each hands what happened to the meter and puts its answer on the flow.

mitmproxy logs an exception in a hook and forwards the request all the same, so every request hook is wrapped: what we
did not foresee is answered with a 503 and never sent.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.net.http import status_codes
from mitmproxy.proxy.layers.http import _http1
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from proxy_addon.destinations import Destinations, ForbiddenDestination
from proxy_addon.exchange import Exchange
from proxy_addon.identify import KEY_HEADERS, OWN_HEADER_PREFIX, Caller, caller_of, proxy_user
from proxy_addon.meter import MAX_BODY_BYTES, Cleared, Meter, Request
from proxy_addon.peer import is_same_user
from proxy_addon.refusals import Reason, Refusal, refusal, unreachable_body
from proxy_addon.routes import Route, Routes
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap
from proxy_addon.walls import is_from_web_page, is_local_name

logger = logging.getLogger(__name__)

HEALTH_PATH = "/bursar/health"
_ROUTE = "bursar_route"
_EXCHANGE = "bursar_exchange"


def fails_closed(hook: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Answer with 503 when the hook raises: a request we failed to judge is not sent."""

    @functools.wraps(hook)
    async def guarded(self: "MeterAddon", flow: http.HTTPFlow) -> None:
        try:
            await hook(self, flow)
        except Exception:
            logger.exception("a request could not be judged and was not sent")
            flow.response = http.Response.make(503, unreachable_body("Bursar's meter failed. See its log."), _JSON)

    return guarded


_JSON = {"content-type": "application/json"}


class MeterAddon:
    """The hooks of one request, in the order mitmproxy calls them."""

    def __init__(self, meter: Meter, routes: Routes, destinations: Destinations) -> None:
        self._meter = meter
        self._routes = routes
        self._destinations = destinations
        self._proxy_users: dict[str, str] = {}
        self._open: set[Exchange] = set()
        self._is_draining = False

    async def drain(self, limit_s: float) -> None:
        """Send no further request, and wait for the answers of those that were sent."""
        self._is_draining = True
        deadline = time.monotonic() + limit_s
        while self._open and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    def end_all(self) -> None:
        """Settle what is still on its way: the meter stops."""
        for exchange in tuple(self._open):
            exchange.end_broken(self._meter.recorder, error_type="meter_stopped", was_sent=True)
        self._open.clear()

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """A client opens a tunnel: remember the user name, which the requests inside do not repeat."""
        user = proxy_user(flow.request.headers.get("proxy-authorization", ""))
        if user:
            self._proxy_users[flow.client_conn.id] = user

    def client_connected(self, client: Any) -> None:
        """Somebody connects: another user of this machine is shown out before a byte is read."""
        if not is_same_user(client.peername[:2], client.sockname[:2]):
            client.error = "another user of this machine"

    def client_disconnected(self, client: Any) -> None:
        """A client is gone."""
        self._proxy_users.pop(client.id, None)

    async def server_connect(self, data: ServerConnectionHookData) -> None:
        """A connection is about to be made: not to where only this machine can go."""
        try:
            if data.server.address is not None:
                data.server.address = await self._destinations.judged(data.server.address[:2])
        except ForbiddenDestination as error:
            data.server.error = str(error)
        except Exception:
            logger.exception("a destination could not be judged and was not connected to")
            data.server.error = "Bursar's meter failed"

    @fails_closed
    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Turn away who may not speak here, and what is not ours to read; find the route."""
        headers = _lower(flow.request.headers)
        if flow.client_conn.proxy_mode.type_name == "reverse":
            port = flow.client_conn.sockname[1]
            if is_from_web_page(headers) or not is_local_name(flow.request.host_header or "", port):
                flow.response = http.Response.make(403)
                return
            route = self._routes.by_prefix(flow.request.method, _path(flow))
            if route is None:
                flow.response = _own_answer(flow)
                return
        else:
            request = flow.request
            route = self._routes.by_host(request.method, request.scheme, request.host, request.port, _path(flow))
            if route is None:
                flow.request.stream = True
                flow.request.headers.pop("proxy-authorization", None)
                return
        flow.metadata[_ROUTE] = route
        answer = _turned_away_early(route, headers)
        if answer is not None:
            flow.response = _response(answer)

    @fails_closed
    async def request(self, flow: http.HTTPFlow) -> None:
        """Judge a whole request; the real key is the last thing put on it."""
        route: Route | None = flow.metadata.get(_ROUTE)
        if route is None or flow.response is not None:
            return
        caller = self._caller(flow)
        request = Request(
            route=route,
            headers=_lower(flow.request.headers),
            body=flow.request.raw_content or b"",
            caller=caller,
            is_client_gone=lambda: flow.client_conn.state is ConnectionState.CLOSED,
        )
        if self._is_draining:
            message = "Bursar's meter is stopping. Try again in a moment."
            flow.response = _response(refusal(route.api_shape, caller.user_agent, Reason.UNAVAILABLE, message))
            return
        decision = await self._meter.decide(request)
        if not isinstance(decision, Cleared):
            if decision.answer is None:
                flow.kill()
            else:
                flow.response = _response(decision.answer)
            return
        _send_upstream(flow, route)
        if decision.exchange is not None:
            flow.metadata[_EXCHANGE] = decision.exchange
            self._open.add(decision.exchange)
        if decision.key_header is not None:
            _swap_key(flow, *decision.key_header)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """The answer begins: pass it on chunk by chunk, with the tap on it where it is metered."""
        if flow.response is None:
            return
        exchange: Exchange | None = flow.metadata.get(_EXCHANGE)
        if exchange is None:
            flow.response.stream = True
            return
        exchange.status_code = flow.response.status_code
        exchange.tap = Tap(
            shape_for(exchange.route.api_shape).reader(exchange.facts, _lower(flow.response.headers)),
            content_type=flow.response.headers.get("content-type", ""),
            content_encoding=flow.response.headers.get("content-encoding", ""),
        )
        flow.response.stream = exchange.tap.tap

    def response(self, flow: http.HTTPFlow) -> None:
        """The answer has been passed on whole."""
        exchange: Exchange | None = flow.metadata.get(_EXCHANGE)
        if exchange is not None:
            exchange.end_complete(self._meter.recorder)
            self._open.discard(exchange)

    def error(self, flow: http.HTTPFlow) -> None:
        """The call broke off. mitmproxy calls this or `response`, never both."""
        exchange: Exchange | None = flow.metadata.get(_EXCHANGE)
        if exchange is None:
            return
        was_sent = flow.server_conn.timestamp_tcp_setup is not None
        is_client = flow.client_conn.state is ConnectionState.CLOSED
        error_type = "client_left" if is_client else "provider_broke_off" if was_sent else "provider_unreachable"
        exchange.end_broken(self._meter.recorder, error_type=error_type, was_sent=was_sent)
        self._open.discard(exchange)

    def _caller(self, flow: http.HTTPFlow) -> Caller:
        user = self._proxy_users.get(flow.client_conn.id, "")
        return caller_of(_lower(flow.request.headers), flow.request.query.get("key", ""), user)


def _lower(headers: http.Headers) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _path(flow: http.HTTPFlow) -> str:
    return flow.request.path.partition("?")[0]


def _own_answer(flow: http.HTTPFlow) -> http.Response:
    """The gateway's own paths: its health, and nothing else."""
    if flow.request.method == "GET" and _path(flow) == HEALTH_PATH:
        return http.Response.make(200, b'{"status":"ok"}', _JSON)
    return http.Response.make(403)


def _turned_away_early(route: Route, headers: dict[str, str]) -> Refusal | None:
    """What can be told from the headers alone: a socket that would escape the meter, a body beyond reading."""
    agent = headers.get("user-agent", "")
    if "upgrade" in headers:
        # Codex tries a socket first and goes on over plain HTTP at once after a 426 (measured).
        message = "Bursar meters calls over plain HTTP. Nothing was sent."
        return Refusal(426, dict(_JSON), refusal(route.api_shape, agent, Reason.UNREADABLE, message).body)
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        message = f"The request is larger than {MAX_BODY_BYTES // 1024**2} MB, which is all that Bursar reads."
        return refusal(route.api_shape, agent, Reason.TOO_LARGE, message)
    return None


def _response(answer: Refusal) -> http.Response:
    return http.Response.make(answer.status, answer.body, answer.headers)


def _send_upstream(flow: http.HTTPFlow, route: Route) -> None:
    """Point the request at the provider, and take off what was said to us alone."""
    query = flow.request.path.partition("?")[2]
    upstream = route.upstream
    flow.request.scheme = upstream.scheme
    flow.request.host = upstream.host
    flow.request.port = upstream.port
    flow.request.path = upstream.base_path + route.path + (f"?{query}" if query else "")
    is_usual = (upstream.scheme, upstream.port) in (("https", 443), ("http", 80))
    flow.request.headers["host"] = upstream.host if is_usual else f"{upstream.host}:{upstream.port}"
    for name in [name for name in flow.request.headers if name.lower().startswith(OWN_HEADER_PREFIX)]:
        del flow.request.headers[name]
    flow.request.headers.pop("proxy-authorization", None)


def _swap_key(flow: http.HTTPFlow, name: str, value: str) -> None:
    """Put the real key where the virtual one was."""
    for header in KEY_HEADERS:
        flow.request.headers.pop(header, None)
    if "key" in flow.request.query:
        del flow.request.query["key"]
    flow.request.headers[name] = value


def answer_errors_in_json() -> None:
    """Let mitmproxy's own error answers (provider down, bad certificate) be JSON that SDKs can read.

    There is no hook for these bodies; the function that makes them is replaced, and a test sees to it that it still is
    the one in use.
    """

    def make_error_response(status_code: int, message: str = "") -> bytes:
        body = unreachable_body(f"Bursar could not reach the provider: {message}")
        head = f"HTTP/1.1 {status_code} {status_codes.RESPONSES.get(status_code, 'Error')}\r\n"
        fields = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        return (head + fields).encode() + body

    _http1.make_error_response = make_error_response
