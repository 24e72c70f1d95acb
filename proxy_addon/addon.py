"""mitmproxy's hooks, and nothing but: each hands what happened to the meter and puts its answer on the flow.

mitmproxy logs an exception in a hook and forwards the request all the same, so every request hook is wrapped: what we
did not foresee is answered with a 503 and never sent.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from mitmproxy import http
from mitmproxy.connection import ConnectionState
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from proxy_addon import budget
from proxy_addon.budget import Budget
from proxy_addon.certified_names import certified_domains, covers
from proxy_addon.destinations import Destinations, ForbiddenDestination
from proxy_addon.exchange import Exchange
from proxy_addon.framing import is_body
from proxy_addon.identify import KEY_HEADER, Caller, caller_of, proxy_user
from proxy_addon.include_usage import MAY_REFUSE_USAGE, is_about_usage
from proxy_addon.masking import SentKeys
from proxy_addon.meter import Cleared, Meter
from proxy_addon.network_door import is_at_network_door
from proxy_addon.peer import is_same_user
from proxy_addon.refusals import Reason, Refusal, refusal, unreachable_body
from proxy_addon.request import MAX_BODY_BYTES, Request
from proxy_addon.resend import NotSentAgain, send_again
from proxy_addon.routes import Route, Routes
from proxy_addon.running import RunningCalls
from proxy_addon.walls import is_let_in
from proxy_addon.websocket import Socket, asks_for_socket, socket_reader
from proxy_addon.wire import (
    SOCKET,
    hide_usage,
    leads_to_socket,
    lower_headers,
    mask_whole,
    put_tap,
    replace_body,
    send_upstream,
    stream_masked,
    swap_key,
    whole_response,
)

logger = logging.getLogger(__name__)

HEALTH_PATH = "/bursar/health"
_ROUTE = "bursar_route"
_EXCHANGE = "bursar_exchange"
_READER = "bursar_socket_reader"


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

type Close = Callable[[http.HTTPFlow], object]
"""Breaks off a flow's connection to its provider, and with it the one to the client."""


class MeterAddon:
    """The hooks of one request, in the order mitmproxy calls them."""

    def __init__(self, meter: Meter, routes: Routes, destinations: Destinations, budget: Budget, close: Close) -> None:
        self._meter = meter
        self._close = close
        self._budget = budget
        self._routes = routes
        self._destinations = destinations
        self._proxy_users: dict[str, str] = {}
        self.in_flight = RunningCalls(meter.recorder)
        self.sent_keys = SentKeys()
        self._is_draining = False

    async def drain(self, limit_s: float) -> None:
        """Send no further request, and wait for the answers of those that were sent."""
        self._is_draining = True
        await self.in_flight.drain(limit_s)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """A client opens a tunnel: remember the user name, which the requests inside do not repeat. Nobody is led to a
        metered host for which our CA cannot vouch: the client would only see a certificate that it must not trust."""
        host, port = flow.request.host, flow.request.port
        if self._routes.opens(host, port) and port == 443 and not covers(certified_domains(), host):
            told = f"Bursar's CA does not know {host[:100]}. Use the gateway, or a newer Bursar."
            flow.response = http.Response.make(403, unreachable_body(told), _JSON)
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
        headers = lower_headers(flow.request.headers)
        is_socket = asks_for_socket(flow.request.method, headers)
        method = "POST" if is_socket else flow.request.method  # a path has one meaning, whatever is spoken there
        if flow.client_conn.proxy_mode.type_name == "reverse":
            port = flow.client_conn.sockname[1]
            if not is_at_network_door(flow) and not is_let_in(headers, flow.request.host_header, port):
                flow.response = http.Response.make(403)
            if flow.response is not None:
                return
            route = self._routes.by_prefix(method, _path(flow))
            if route is None:
                flow.response = await self._own_answer(flow)
                return
        else:
            request = flow.request
            route = self._routes.by_host(method, request.scheme, request.host, request.port, _path(flow))
            if route is None:
                flow.request.stream = True
                for header in ("proxy-authorization", KEY_HEADER):
                    flow.request.headers.pop(header, None)
                return
        flow.metadata[_ROUTE] = route
        reader = socket_reader(route, flow.request.path, headers) if is_socket else None
        if reader is not None:
            flow.metadata[_READER] = reader
        answer = _turned_away_early(route, headers, is_metered_socket=reader is not None)
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
            headers=lower_headers(flow.request.headers),
            body=flow.request.raw_content or b"",
            caller=caller,
            is_client_gone=lambda: _is_gone(flow),
            is_socket=_READER in flow.metadata,
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
        send_upstream(flow, route)
        if request.is_socket:
            flow.metadata[SOCKET] = Socket(self._meter, request, decision.holder, flow.metadata[_READER])
        if decision.exchange is not None:
            flow.metadata[_EXCHANGE] = decision.exchange
            self.in_flight.add(decision.exchange, functools.partial(self._close, flow))
        if decision.body is not None:
            replace_body(flow, decision.body)
        if decision.key_header is not None:
            swap_key(flow, *decision.key_header, self.sent_keys)

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """The answer begins: pass it on chunk by chunk, with the tap on it where it is metered."""
        if flow.response is None:
            return
        if flow.response.status_code == 101 and _ROUTE in flow.metadata and not leads_to_socket(flow):
            flow.kill()  # mitmproxy would pass on what comes as raw bytes, unmetered
        exchange: Exchange | None = flow.metadata.get(_EXCHANGE)
        cut = functools.partial(asyncio.get_running_loop().call_soon, self._close, flow)
        if exchange is None:
            stream_masked(flow, None, cut)
            return
        if exchange.plain_body is not None and flow.response.status_code in MAY_REFUSE_USAGE:
            return  # held back: whose fault the error is stands in its body
        tap = put_tap(exchange, flow.response)
        is_hiding = exchange.plain_body is not None and not is_body(flow.response.headers.get("content-type", ""))
        pass_on = hide_usage(flow, exchange, tap) if is_hiding else tap.tap
        stream_masked(flow, self.in_flight.watched(exchange, pass_on), cut)
        flow.response.headers.update(await exchange.told_headers())

    async def response(self, flow: http.HTTPFlow) -> None:
        """The answer has been passed on whole, or is held back because we may have caused the error that it is."""
        exchange: Exchange | None = flow.metadata.get(_EXCHANGE)
        if exchange is None or flow.response is None:
            mask_whole(flow)
            return
        try:
            if exchange.tap is None:
                await self._answer_without_question(flow, exchange)
            elif exchange.hider is not None and exchange.hider.is_broken:
                flow.kill()
            exchange.end_complete(self._meter.recorder)
        except NotSentAgain:
            exchange.end_broken(self._meter.recorder, error_type="provider_broke_off", was_sent=True)
        self.in_flight.discard(exchange)
        mask_whole(flow)

    async def _answer_without_question(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Replace an error about the question that we put into the request by the answer to the request as it came."""
        assert flow.response is not None
        if exchange.plain_body is not None and is_about_usage(flow.response.raw_content or b""):
            self._meter.refusing.add(exchange.route, exchange.facts.model)
            headers = dict(flow.request.headers.items())
            try:
                again = await asyncio.to_thread(
                    send_again, exchange.route.upstream, flow.request.path, headers, exchange.plain_body
                )
            except NotSentAgain:
                flow.response = http.Response.make(502, unreachable_body("The provider broke off."), _JSON)
                raise
            flow.response = whole_response(again)
        put_tap(exchange, flow.response).tap(flow.response.raw_content or b"")

    def error(self, flow: http.HTTPFlow) -> None:
        """The call broke off. mitmproxy calls this or `response`, never both."""
        exchange: Exchange | None = flow.metadata.get(_EXCHANGE)
        if exchange is None:
            return
        was_sent = flow.server_conn.timestamp_tcp_setup is not None
        is_client = flow.client_conn.state is ConnectionState.CLOSED
        error_type = "client_left" if is_client else "provider_broke_off" if was_sent else "provider_unreachable"
        exchange.end_broken(self._meter.recorder, error_type=error_type, was_sent=was_sent)
        self.in_flight.discard(exchange)

    async def _own_answer(self, flow: http.HTTPFlow) -> http.Response:
        """The gateway's own paths: its health, what an agent may know of its caps, and nothing else."""
        path = _path(flow)
        if flow.request.method != "GET" or path not in (HEALTH_PATH, budget.PATH):
            return http.Response.make(403)
        if path == HEALTH_PATH:
            return http.Response.make(200, b'{"status":"ok"}', _JSON)
        status, body = await self._budget.answer(self._caller(flow), dict(flow.request.query))
        return http.Response.make(status, body, _JSON | {"cache-control": "no-store"})

    def _caller(self, flow: http.HTTPFlow) -> Caller:
        user = self._proxy_users.get(flow.client_conn.id, "")
        return caller_of(lower_headers(flow.request.headers), flow.request.query.get("key", ""), user)


def _is_gone(flow: http.HTTPFlow) -> bool:
    """Whether the client has left. One that only closed its own side may still listen, but not on a socket."""
    state = flow.client_conn.state
    return state is ConnectionState.CLOSED or (_READER in flow.metadata and not state & ConnectionState.CAN_READ)


def _path(flow: http.HTTPFlow) -> str:
    return flow.request.path.partition("?")[0]


def _turned_away_early(route: Route, headers: dict[str, str], *, is_metered_socket: bool) -> Refusal | None:
    """What can be told from the headers alone: a socket that would escape the meter, a body beyond reading."""
    agent = headers.get("user-agent", "")
    if "upgrade" in headers and not is_metered_socket:
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
