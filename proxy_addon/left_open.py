"""Connections that mitmproxy means to close and leaves open.

Where it closes one by its own command while more has come, it cancels the task that would close the descriptor, which
may be waiting for its turn just then and never gets there (measured: the client hangs until its own time-out).
"""

from typing import Any


class LeftOpen:
    """mitmproxy's hooks for the end of a connection. `server` is its Proxyserver, which knows who is connected."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def client_disconnected(self, client: Any) -> None:
        """A client is gone, or meant to be."""
        self._close(client.id, client)

    def server_disconnected(self, data: Any) -> None:
        """A connection to a provider has ended, or is meant to have."""
        self._close(data.client.id, data.server)

    def _close(self, client_id: str, connection: Any) -> None:
        handler = self._server.connections.get(client_id)
        left = None if handler is None else handler.transports.get(connection)
        if left is not None and left.writer is not None:
            left.writer.close()
