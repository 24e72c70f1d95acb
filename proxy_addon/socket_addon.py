"""mitmproxy's hooks for open sockets: each message is handed to its socket, and goes on unless that says no.

A hook that raises would let the client's message through, so what we did not foresee closes the socket instead.
"""

import asyncio
import logging
import sys
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any

from mitmproxy import http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import events
from mitmproxy.proxy.layers.websocket import Fragmentizer, WebSocketMessageInjected
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from proxy_addon.refusals import Reason
from proxy_addon.websocket import NotSent, Socket
from proxy_addon.wire import MASK, SOCKET

logger = logging.getLogger(__name__)

STILL_S = 1.0
"""How long a socket may stand still while a turn is judged. A turn that waits longer, for a person, is put by: the
provider's pings must be answered meanwhile, or it hangs up."""
FAILED = NotSent(close_reason="Bursar's meter failed. See its log.")
_CLOSE_FRAME = 0x88
_POLICY_VIOLATION = 1008
_MAX_REASON_BYTES = 123  # of a close frame (RFC 6455, section 5.5)


class SocketAddon:
    """The hooks of one socket, in the order mitmproxy calls them. `server` is where messages of our own are put in."""

    def __init__(self, server: Proxyserver) -> None:
        self._server = server
        self._open: set[Socket] = set()
        self._is_draining = False
        self._held: dict[Socket, deque[WebSocketMessage]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

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
                await self._take(flow, socket, message)
            else:
                if (mask := flow.metadata.get(MASK)) is not None and mask.is_in(message.content):
                    message.content = mask.whole(message.content)
                socket.note(message.content)
        except Exception:
            logger.exception("a message of a socket could not be followed")
            if message.from_client:
                message.drop()
                await self._answer(flow, FAILED)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """A socket is closed, by either side or by a broken line."""
        socket: Socket | None = flow.metadata.get(SOCKET)
        if flow.websocket is not None and socket is not None:
            socket.close("client_left" if flow.websocket.closed_by_client else "provider_broke_off")
            self._open.discard(socket)

    async def _take(self, flow: http.HTTPFlow, socket: Socket, message: WebSocketMessage) -> None:
        """Let a message of the client go on, answer in its place, or put it by until its turn is admitted."""
        if socket in self._held:
            message.drop()
            self._held[socket].append(message)
            return
        judging = asyncio.create_task(self._judge(socket, message.content))
        await asyncio.wait([judging], timeout=STILL_S)
        if not judging.done():
            message.drop()
            self._held[socket] = deque()
            self._start(self._deliver_held(flow, socket, message, judging))
        elif (answer := judging.result()) is not None:
            message.drop()
            await self._answer(flow, answer)

    async def _deliver_held(
        self, flow: http.HTTPFlow, socket: Socket, message: WebSocketMessage, judging: asyncio.Task[NotSent | None]
    ) -> None:
        """Send what was put by as soon as it may go, in the order in which it came."""
        held = self._held[socket]
        try:
            await self._deliver(flow, message, await judging)
            while held:
                message = held.popleft()
                await self._deliver(flow, message, await self._judge(socket, message.content))
        except Exception:
            logger.exception("a message could not be judged and was not sent")
            await self._answer(flow, FAILED)
        finally:
            del self._held[socket]

    async def _deliver(self, flow: http.HTTPFlow, message: WebSocketMessage, answer: NotSent | None) -> None:
        if answer is None:
            await self._put_in(flow, message.content, from_client=True, is_text=message.is_text)
        else:
            await self._answer(flow, answer)

    async def _judge(self, socket: Socket, message: bytes) -> NotSent | None:
        if self._is_draining:
            return socket.refusal(message, Reason.UNAVAILABLE, "Bursar's meter is stopping. Try again in a moment.")
        return await socket.admit(message)

    async def _answer(self, flow: http.HTTPFlow, answer: NotSent) -> None:
        """Tell the client, as the provider would."""
        if answer.frame:
            self._start(self._put_in(flow, answer.frame, from_client=False, is_text=True))
        else:
            self._close(flow, answer.close_reason)

    async def _put_in(self, flow: http.HTTPFlow, content: bytes, *, from_client: bool, is_text: bool) -> None:
        """Let a message pass as if it came from one side."""
        connection = self._server.connections.get(flow.client_conn.id)
        if connection is not None:
            opcode = Opcode.TEXT if is_text else Opcode.BINARY
            message = WebSocketMessage(opcode, from_client, content, injected=True)
            await connection.server_event(WebSocketMessageInjected(flow, message))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something once the hook has ended."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close(self, flow: http.HTTPFlow, reason: str) -> None:
        """Close the socket on both sides. mitmproxy has no way to, but for a close frame that the provider sends."""
        words = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore").encode()
        payload = _POLICY_VIOLATION.to_bytes(2) + words
        frame = bytes([_CLOSE_FRAME, len(payload)]) + payload
        connection = self._server.connections.get(flow.client_conn.id)
        if connection is not None:
            self._start(connection.server_event(events.DataReceived(flow.server_conn, frame)))


def send_messages_whole() -> None:
    """Let mitmproxy send a message of ours, or one that was put by, in one frame.

    It would cut it into frames of 4,000 bytes and turn each character that it cuts through into a question mark.
    """
    Fragmentizer.FRAGMENT_SIZE = sys.maxsize
