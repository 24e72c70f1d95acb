"""Messages of a socket held to a size. mitmproxy collects pieces without end, copies all of them for each that
comes, and inflates what one read brings at once: 64 kB of a bomb become 66 MB.

There is no hook before a message is whole, so its class for one side of a socket is replaced by ours, which stands on
it; a test sees to it that it is the one in use.
"""

from collections.abc import Generator
from typing import Any

from mitmproxy.proxy.layers import websocket
from wsproto.events import CloseConnection, Event, Message
from wsproto.frame_protocol import CloseReason

from proxy_addon.limits import MAX_SOCKET_MESSAGE_BYTES

_SLICE_BYTES = 1024
"""Unfolds to a megabyte at most."""


def limit_messages() -> None:
    """Let mitmproxy use the class below. To be called before it listens."""
    websocket.WebsocketConnection = LimitedConnection  # type: ignore[misc]


class LimitedConnection(websocket.WebsocketConnection):
    """One side of a socket. A message is given on whole; one that is too long closes the socket (RFC 6455, 1009)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._is_packed = bool(args[1:] and args[1])
        self._came: list[bytes] = []
        self._parts: list[Any] = []
        self._size = 0
        super().__init__(*args, **kwargs)

    def receive_data(self, data: bytes | None) -> None:
        """Take what came; None is the end."""
        if data is None or not self._is_packed:
            super().receive_data(data)
        else:
            self._came += (data[start : start + _SLICE_BYTES] for start in range(0, len(data), _SLICE_BYTES))

    def events(self) -> Generator[Event, None, None]:
        """What happened, as far as it may go on."""
        while self._events:  # put in by us, or the end
            yield self._events.popleft()
        yield from self._read()
        came, self._came = self._came, []
        for part in came:
            super().receive_data(part)
            yield from self._read()

    def _read(self) -> Generator[Event, None, None]:
        for event in super().events():
            if not isinstance(event, Message):
                yield event
                continue
            self._parts.append(event.data)
            self._size += len(event.data)
            if self._size > MAX_SOCKET_MESSAGE_BYTES:
                self._parts.clear()
                yield CloseConnection(code=CloseReason.MESSAGE_TOO_BIG, reason="Bursar reads no such long message.")
                return
            if event.message_finished:
                whole = event.data[:0].join(self._parts)
                self._parts, self._size = [], 0
                yield type(event)(data=whole)
