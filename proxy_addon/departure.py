"""Leaving the sockets to the next meter: nothing new is let in, whoever is inside ends what he has, and nobody is cut.

A connection that is kept alive may carry a next call at any time. It is served here, and its answer says that the
connection ends with it; one that was silent for some seconds is closed, as servers do, and its client opens another.
Tunnels to hosts that are not metered carry what cannot be seen, so they are let be until the time is over.
"""

import asyncio
import time
from typing import Any

from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver

LIMIT_S = 600.0
SILENT_S = 3.0
_LOOK_S = 0.1
_SWITCHES = 101


class Departure:
    """mitmproxy's hooks that tell which connections are in use, to be called before the meter's. Once it `is_leaving`,
    a connection ends with its next answer."""

    def __init__(self, server: Proxyserver) -> None:
        self._server = server
        self._busy: dict[str, int] = {}
        self._tunnels: set[str] = set()
        self.is_leaving = False

    async def leave(self, limit_s: float = LIMIT_S) -> None:
        """Close the doors, and wait until everybody has gone or the time is over."""
        self.is_leaving = True
        for instance in self._server.servers:
            if instance.is_running:
                await instance.stop()
        deadline = time.monotonic() + limit_s
        while self._server.connections and time.monotonic() < deadline:
            self._close_silent()
            await asyncio.sleep(_LOOK_S)

    def mark(self, client_id: str, is_in_use: bool) -> None:
        """A call begins on the connection of this client, or has ended there."""
        count = self._busy.get(client_id, 0) + (1 if is_in_use else -1)
        if count > 0:
            self._busy[client_id] = count
        else:
            self._busy.pop(client_id, None)

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """A call begins."""
        self.mark(flow.client_conn.id, is_in_use=True)

    def http_connected(self, flow: http.HTTPFlow) -> None:
        """A tunnel is open."""
        self._tunnels.add(flow.client_conn.id)

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """An answer begins: while we leave, its connection ends with it."""
        if self.is_leaving and flow.response is not None and flow.response.status_code != _SWITCHES:
            flow.response.headers["connection"] = "close"

    def response(self, flow: http.HTTPFlow) -> None:
        """A call has ended, unless it has become a socket."""
        if flow.websocket is None and not (flow.response is not None and flow.response.status_code == _SWITCHES):
            self.mark(flow.client_conn.id, is_in_use=False)

    def error(self, flow: http.HTTPFlow) -> None:
        """A call broke off."""
        self.mark(flow.client_conn.id, is_in_use=False)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """A socket was closed."""
        self.mark(flow.client_conn.id, is_in_use=False)

    def client_disconnected(self, client: Any) -> None:
        """Somebody is gone."""
        self._busy.pop(client.id, None)
        self._tunnels.discard(client.id)

    def _close_silent(self) -> None:
        now = time.time()
        for connection in list(self._server.connections.values()):
            client = connection.client
            if client.id in self._busy or client.id in self._tunnels:
                continue
            if now - connection.timeout_watchdog.last_activity > SILENT_S and client in connection.transports:
                connection.close_connection(client)
