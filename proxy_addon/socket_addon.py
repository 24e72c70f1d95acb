"""mitmproxy's hooks for open sockets: each message is handed to its socket, and goes on unless that says no.

A hook that raises would let the message through, so what we did not foresee closes the socket instead.
"""

import asyncio
import logging
import time

from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import events

from proxy_addon.refusals import Reason
from proxy_addon.websocket import NotSent, Socket
from proxy_addon.wire import SOCKET

logger = logging.getLogger(__name__)

_CLOSE_FRAME = 0x88
_POLICY_VIOLATION = 1008
_MAX_REASON_BYTES = 123  # of a close frame (RFC 6455, section 5.5)


class SocketAddon:
    """The hooks of one socket, in the order mitmproxy calls them. `server` is where messages of our own are put in."""

    def __init__(self, server: Proxyserver) -> None:
        self._server = server
        self._open: set[Socket] = set()
        self._is_draining = False
        self._closing: set[asyncio.Task[None]] = set()

    async def drain(self, limit_s: float) -> None:
        """Let no further turn begin, and wait for those on their way."""
        self._is_draining = True
        deadline = time.monotonic() + limit_s
        while not all(socket.is_idle for socket in self._open) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    def end_all(self) -> None:
        """Settle what is still on its way: the meter stops."""
        for socket in self._open:
            socket.close("meter_stopped")
        self._open.clear()

    def websocket_start(self, flow: http.HTTPFlow) -> None:
        """A socket is open."""
        socket: Socket | None = flow.metadata.get(SOCKET)
        if socket is not None:
            self._open.add(socket)

    async def websocket_message(self, flow: http.HTTPFlow) -> None:
        """A message came from either side; while this waits, the socket waits."""
        assert flow.websocket is not None
        message = flow.websocket.messages.pop()  # mitmproxy would keep them all, and we keep none
        socket: Socket | None = flow.metadata.get(SOCKET)
        if socket is None or message.injected:
            return
        try:
            if message.from_client:
                answer = await self._judge(socket, message.content)
            else:
                await socket.note(message.content)
                return
        except Exception:
            logger.exception("a message could not be judged and was not sent")
            answer = NotSent(close_reason="Bursar's meter failed. See its log.")
        if answer is not None:
            message.drop()
            self._say(flow, answer)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """A socket is closed, by either side or by a broken line."""
        socket: Socket | None = flow.metadata.get(SOCKET)
        if flow.websocket is not None and socket is not None:
            socket.close("client_left" if flow.websocket.closed_by_client else "provider_broke_off")
            self._open.discard(socket)

    async def _judge(self, socket: Socket, message: bytes) -> NotSent | None:
        if self._is_draining:
            return socket.refusal(message, Reason.UNAVAILABLE, "Bursar's meter is stopping. Try again in a moment.")
        return await socket.admit(message)

    def _say(self, flow: http.HTTPFlow, answer: NotSent) -> None:
        """Tell the client, as the provider would."""
        if answer.frame:
            self._server.inject_websocket(flow, True, answer.frame)
        else:
            self._close(flow, answer.close_reason)

    def _close(self, flow: http.HTTPFlow, reason: str) -> None:
        """Close the socket on both sides. mitmproxy has no way to, but for a close frame that the provider sends."""
        words = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
        payload = _POLICY_VIOLATION.to_bytes(2) + words
        frame = bytes([_CLOSE_FRAME, len(payload)]) + payload
        connection = self._server.connections.get(flow.client_conn.id)
        if connection is not None:
            closing = connection.server_event(events.DataReceived(flow.server_conn, frame))
            task = asyncio.get_running_loop().create_task(closing)
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
