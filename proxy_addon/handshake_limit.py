"""A client that has begun to speak and does not get to the end of its beginning.

Before a request there is a greeting: which protocol it is, and with TLS a handshake. mitmproxy waits ten minutes for
either. Silence before the first byte stays a client's right, and so does all that passes unread to other hosts.
"""

import asyncio
from typing import Any

from mitmproxy.proxy.layers import ClientTLSLayer, ServerTLSLayer

from proxy_addon.limits import HEAD_S


class HandshakeLimit:
    """mitmproxy's hooks for a connection's beginning, to be called before its own. `server` is its Proxyserver."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._alarms: dict[tuple[str, int], asyncio.TimerHandle] = {}

    def next_layer(self, nextlayer: Any) -> None:
        """Somebody has begun to speak on a connection, or within a tunnel."""
        client, depth = nextlayer.context.client, len(nextlayer.context.layers)
        if nextlayer.data_client() and (client.id, depth) not in self._alarms:
            loop = asyncio.get_running_loop()
            self._alarms[client.id, depth] = loop.call_later(HEAD_S, self._look, nextlayer, client)

    def client_disconnected(self, client: Any) -> None:
        """A client is gone."""
        for place in [place for place in self._alarms if place[0] == client.id]:
            self._alarms.pop(place).cancel()

    def _look(self, nextlayer: Any, client: Any) -> None:
        is_tls = isinstance(nextlayer.layer, (ClientTLSLayer, ServerTLSLayer))
        connection = self._server.connections.get(client.id)
        if connection is None or not (nextlayer.layer is None or (is_tls and not client.tls_established)):
            return
        if client in connection.transports:
            connection.close_connection(client)
