"""Answering whoever calls while there is no meter and none is coming: one fixed sentence, whatever is asked.

The answer is sent at once and the request is read and dropped until its sender closes: a connection that is closed
with something unread in it is reset, and the answer may be lost with it.
"""

import socket
import time

MOST = 64
PATIENCE_S = 5.0
SENTENCE = (
    "Bursar's meter keeps stopping and is not started again by itself. Nothing was sent. "
    "See why with: bursar doctor. Then: bursar proxy restart"
)
_BODY = (
    f'{{"type": "error", "error": {{"type": "api_error", "message": "{SENTENCE}", "code": 503, '
    f'"status": "UNAVAILABLE", "param": null}}}}'
).encode()
ANSWER = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"content-type: application/json\r\n"
    b"x-should-retry: false\r\n"
    b"connection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)


class Refusing:
    """The callers that were answered and have not closed yet."""

    def __init__(self) -> None:
        self._callers: dict[socket.socket, float] = {}

    @property
    def callers(self) -> list[socket.socket]:
        """To be watched for something to read."""
        return list(self._callers)

    def take(self, door: socket.socket, *, is_answered: bool) -> None:
        """Answer one who calls at this door, or hang up where nobody would understand. The one who is there longest
        makes room for one too many."""
        try:
            caller, _ = door.accept()
        except OSError:
            return  # gone again
        if not is_answered:
            caller.close()
            return
        if len(self._callers) >= MOST:
            self._drop(next(iter(self._callers)))
        caller.setblocking(False)
        self._callers[caller] = time.monotonic() + PATIENCE_S
        try:
            caller.send(ANSWER)
            caller.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(caller)

    def read(self, caller: socket.socket) -> None:
        """Drop what it sends; let it go once it has closed."""
        try:
            if caller.recv(65_536):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._drop(caller)

    def end_late(self, *, everybody: bool = False) -> None:
        """Let those go that took too long, or all."""
        now = time.monotonic()
        for caller, until in list(self._callers.items()):
            if everybody or now > until:
                self._drop(caller)

    def _drop(self, caller: socket.socket) -> None:
        self._callers.pop(caller, None)
        caller.close()
