"""Where the fast lane begins: on connections to the gateway, and in tunnels to metered hosts that were opened."""

import functools
from collections.abc import Callable

from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.connection import Server
from mitmproxy.proxy import layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import ClientTLSLayer, modes

from proxy_addon.calls import Calls, Head
from proxy_addon.departure import Departure
from proxy_addon.lane.carrier import Carrier, Door
from proxy_addon.lane.work import Work
from proxy_addon.routes import Route, Routes
from proxy_addon.walls import is_let_in

_FIRST_BYTES = (b"P", b"G")
"""Of POST and GET. Anything else is for mitmproxy to tell apart."""
_ALPN = (None, b"", b"http/1.1")


class FastLane:
    """mitmproxy's hooks of the lane, to be asked before mitmproxy's own. `gateway` is where requests to the gateway
    would go if nothing routed them, `user_of` gives the user name that came with a client's tunnel, and `departure` is
    told which connections are in use."""

    def __init__(
        self, calls: Calls, routes: Routes, server: Proxyserver, gateway: str, user_of: Callable[[str], str],
        departure: Departure,
    ) -> None:  # fmt: skip
        self._calls, self._routes, self._server = calls, routes, server
        self._gateway, self._user_of, self._departure = gateway, user_of, departure

    def next_layer(self, found: layer.NextLayer) -> None:
        """Somebody speaks on a connection for the first time, or within a tunnel."""
        context = found.context
        if not found.data_client().startswith(_FIRST_BYTES) or found.data_server():
            return
        route_of = self._at_gateway(context) or self._in_tunnel(context)
        if route_of is not None:
            in_use = functools.partial(self._departure.mark, context.client.id)
            user, closing = self._user_of(context.client.id), self._closing(context)
            door = Door(route_of, user, closing, in_use, lambda: self._departure.is_leaving)
            found.layer = Carrier(context, self._calls, door)

    async def bursar_work(self, work: Work) -> None:
        """The lane has something to be waited for."""
        await work.run()

    def _at_gateway(self, context: Context) -> Callable[[Head], Route | None] | None:
        mode = context.client.proxy_mode
        if (
            mode.type_name != "reverse"
            or mode.data.removeprefix("http://") != self._gateway
            or len(context.layers) != 1
        ):
            return None
        port = context.client.sockname[1]

        def route_of(head: Head) -> Route | None:
            if not is_let_in(head.headers, head.headers.get("host"), port):
                return None
            return self._routes.by_prefix(head.method, head.path)

        return route_of

    def _in_tunnel(self, context: Context) -> Callable[[Head], Route | None] | None:
        layers, address, client = context.layers, context.server.address, context.client
        is_tunnel = isinstance(layers[0], modes.HttpProxy) and isinstance(layers[-1], ClientTLSLayer)
        if not is_tunnel or address is None or client.alpn not in _ALPN or not client.tls_established:
            return None
        host, port = address[0], address[1]
        if not self._routes.opens(host, port):
            return None
        return lambda head: self._routes.by_host(head.method, "https", host, port, head.path)

    def _closing(self, context: Context) -> Callable[[Server], None]:
        def close(server: Server) -> None:
            connection = self._server.connections.get(context.client.id)
            if connection is not None and server in connection.transports:
                connection.close_connection(server)

        return close
