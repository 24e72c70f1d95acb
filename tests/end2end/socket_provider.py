"""A played provider that speaks over WebSockets: it answers each message as it is told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

Reply = Callable[[dict[str, Any]], list[str | bytes]]


class SocketProvider:
    """`reply` gives the messages that answer one; `heard` holds what came, `headers` those of each opening."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.heard: list[str | bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self._last: ServerConnection | None = None
        self._server: Server = serve(self._serve, "127.0.0.1", 0)

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def forget(self) -> None:
        """Begin anew to note what comes."""
        self.heard, self.headers, self.paths = [], [], []

    def push(self, message: str) -> None:
        """Say something unasked, on the socket that was opened last."""
        assert self._last is not None
        self._last.send(message)

    @contextmanager
    def running(self) -> Iterator["SocketProvider"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()

    def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self._last = connection
        self.paths.append(connection.request.path)
        self.headers.append({name.lower(): value for name, value in connection.request.headers.raw_items()})
        with suppress(ConnectionClosed):
            for message in connection:
                self.heard.append(message)
                for answer in self.reply(json.loads(message)):
                    if answer == CLOSE:
                        connection.close()
                        return
                    connection.send(answer)


CLOSE = b"close"
"""In the place of an answer: the provider closes the socket."""
