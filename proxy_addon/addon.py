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
from proxy_addon.calls import JSON, Calls, Head, turned_away_early
from proxy_addon.certified_names import certified_domains, covers
from proxy_addon.delivery import Delivery
from proxy_addon.destinations import Destinations, ForbiddenDestination
from proxy_addon.identify import KEY_HEADER, proxy_user
from proxy_addon.meter import Refused
from proxy_addon.network_door import is_at_network_door
from proxy_addon.peer import is_same_user
from proxy_addon.refusals import Refusal, unreachable_body
from proxy_addon.routes import Route, Routes
from proxy_addon.sending import Sending
from proxy_addon.walls import is_let_in
from proxy_addon.websocket import Socket, asks_for_socket, socket_reader
from proxy_addon.wire import (
    DELIVERY,
    SENDING,
    SOCKET,
    head_of,
    leads_to_socket,
    put_on,
    response_of,
    stream,
    whole_of,
)

logger = logging.getLogger(__name__)

HEALTH_PATH = "/bursar/health"
_ROUTE = "bursar_route"
_READER = "bursar_socket_reader"


def fails_closed(hook: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Answer with 503 when the hook raises: a request we failed to judge is not sent."""

    @functools.wraps(hook)
    async def guarded(self: "MeterAddon", flow: http.HTTPFlow) -> None:
        try:
            await hook(self, flow)
        except Exception:
            logger.exception("a request could not be judged and was not sent")
            flow.response = http.Response.make(503, unreachable_body("Bursar's meter failed. See its log."), JSON)

    return guarded


type Close = Callable[[http.HTTPFlow], object]
"""Breaks off a flow's connection to its provider, and with it the one to the client."""


class MeterAddon:
    """The hooks of one request, in the order mitmproxy calls them."""

    def __init__(self, calls: Calls, routes: Routes, destinations: Destinations, budget: Budget, close: Close) -> None:
        self._calls = calls
        self._close = close
        self._budget = budget
        self._routes = routes
        self._destinations = destinations
        self._proxy_users: dict[str, str] = {}

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """A client opens a tunnel: remember the user name, which the requests inside do not repeat. Nobody is led to a
        metered host for which our CA cannot vouch: the client would only see a certificate that it must not trust."""
        host, port = flow.request.host, flow.request.port
        if self._routes.opens(host, port) and port == 443 and not covers(certified_domains(), host):
            told = f"Bursar's CA does not know {host[:100]}. Use the gateway, or a newer Bursar."
            flow.response = http.Response.make(403, unreachable_body(told), JSON)
        user = proxy_user(flow.request.headers.get("proxy-authorization", ""))
        if user:
            self._proxy_users[flow.client_conn.id] = user

    def user_of(self, client_id: str) -> str:
        """The user name that came with the tunnel of a client."""
        return self._proxy_users.get(client_id, "")

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
        head = self._head(flow)
        is_socket = asks_for_socket(head.method, head.headers)
        method = "POST" if is_socket else head.method  # a path has one meaning, whatever is spoken there
        if flow.client_conn.proxy_mode.type_name == "reverse":
            port = flow.client_conn.sockname[1]
            if not is_at_network_door(flow) and not is_let_in(head.headers, flow.request.host_header, port):
                flow.response = http.Response.make(403)
            if flow.response is not None:
                return
            route = self._routes.by_prefix(method, head.path)
            if route is None:
                flow.response = await self._own_answer(head, dict(flow.request.query))
                return
        else:
            request = flow.request
            route = self._routes.by_host(method, request.scheme, request.host, request.port, head.path)
            if route is None:
                flow.request.stream = True
                for header in ("proxy-authorization", KEY_HEADER):
                    flow.request.headers.pop(header, None)
                return
        flow.metadata[_ROUTE] = route
        reader = socket_reader(route, head.target, head.headers) if is_socket else None
        if reader is not None:
            flow.metadata[_READER] = reader
        answer = turned_away_early(route, head.headers, is_metered_socket=reader is not None)
        if answer is not None:
            flow.response = _response(answer)

    @fails_closed
    async def request(self, flow: http.HTTPFlow) -> None:
        """Judge a whole request; the real key is the last thing put on it."""
        route: Route | None = flow.metadata.get(_ROUTE)
        if route is None or flow.response is not None:
            return
        request, decision = await self._calls.judge(
            route,
            self._head(flow),
            flow.request.raw_content or b"",
            is_client_gone=lambda: _is_gone(flow),
            close=functools.partial(self._close, flow),
            is_socket=_READER in flow.metadata,
        )
        if isinstance(decision, Refused):
            if decision.answer is None:
                flow.kill()
            else:
                flow.response = _response(decision.answer)
            return
        if request.is_socket:
            flow.metadata[SOCKET] = Socket(self._calls.meter, request, decision.holder, flow.metadata[_READER])
        put_on(flow, decision)

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """The answer begins: pass it on chunk by chunk, with the tap on it where it is metered."""
        if flow.response is None:
            return
        if flow.response.status_code == 101 and _ROUTE in flow.metadata and not leads_to_socket(flow):
            flow.kill()  # mitmproxy would pass on what comes as raw bytes, unmetered
        sending: Sending | None = flow.metadata.get(SENDING)
        if sending is None:
            flow.response.stream = True
            return
        cut = functools.partial(asyncio.get_running_loop().call_soon, self._close, flow)
        fields, can_chunk = flow.response.headers.fields, flow.request.http_version == "HTTP/1.1"
        delivery = self._calls.deliver(sending, flow.response.status_code, fields, cut, can_chunk=can_chunk)
        if delivery.is_held_back:
            return
        stream(flow, delivery)
        await delivery.wait_told()
        flow.response.headers.fields = delivery.told()
        if sending.mask is not None:
            flow.response.data.reason = sending.mask.whole(flow.response.data.reason)

    async def response(self, flow: http.HTTPFlow) -> None:
        """The answer has been passed on whole, or is held back because we may have caused the error that it is."""
        sending: Sending | None = flow.metadata.get(SENDING)
        if sending is None or flow.response is None:
            return
        delivery: Delivery | None = flow.metadata.get(DELIVERY)
        if delivery is None:
            flow.response = response_of(await self._calls.answer_held_back(sending, whole_of(flow.response)))
            return
        if not delivery.is_sound:
            flow.kill()
        self._calls.complete(sending)

    def error(self, flow: http.HTTPFlow) -> None:
        """The call broke off. mitmproxy calls this or `response`, never both."""
        sending: Sending | None = flow.metadata.get(SENDING)
        if sending is not None:
            was_sent = flow.server_conn.timestamp_tcp_setup is not None
            is_client = flow.client_conn.state is ConnectionState.CLOSED
            self._calls.broken(sending, is_client=is_client, was_sent=was_sent)

    async def _own_answer(self, head: Head, query: dict[str, str]) -> http.Response:
        """The gateway's own paths: its health, what an agent may know of its caps, and nothing else."""
        if head.method != "GET" or head.path not in (HEALTH_PATH, budget.PATH):
            return http.Response.make(403)
        if head.path == HEALTH_PATH:
            return http.Response.make(200, b'{"status":"ok"}', JSON)
        status, body = await self._budget.answer(head.caller, query)
        return http.Response.make(status, body, JSON | {"cache-control": "no-store"})

    def _head(self, flow: http.HTTPFlow) -> Head:
        return head_of(flow, self.user_of(flow.client_conn.id))


def _is_gone(flow: http.HTTPFlow) -> bool:
    """Whether the client has left. One that only closed its own side may still listen, but not on a socket."""
    state = flow.client_conn.state
    return state is ConnectionState.CLOSED or (_READER in flow.metadata and not state & ConnectionState.CAN_READ)


def _response(answer: Refusal) -> http.Response:
    return http.Response.make(answer.status, answer.body, answer.headers)
