"""A provider that misbehaves as it is told: raw sockets, plain or in TLS, and a play for each call.

A request names its play in the header `x-play`; one without gets a good answer. So calls that go well and calls that do
not can share a provider, and a meter.
"""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PLAY_HEADER = "x-play"
PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it stood on the wire, and its fields by lower-case name, of two equal ones the last."""

    head: bytes
    body: bytes
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def start(self) -> str:
        """The first line."""
        return self.head.split(b"\r\n", 1)[0].decode("latin-1")


class Line:
    """The provider's end of one connection, in the hands of a play."""

    def __init__(self, connection: socket.socket, asked: Asked, released: threading.Event) -> None:
        self.asked = asked
        self._connection = connection
        self._released = released
        self.is_open = True

    def say(self, *parts: bytes) -> None:
        """Send bytes as they are, in one piece."""
        self._connection.sendall(b"".join(parts))

    def drip(self, data: bytes, pause_s: float = 0.002) -> None:
        """Send byte by byte."""
        for position in range(len(data)):
            self._connection.sendall(data[position : position + 1])
            time.sleep(pause_s)

    def close(self) -> None:
        """Close as one should."""
        self.is_open = False
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def reset(self) -> None:
        """Break off with a reset. What was said before has to be read by then."""
        self.is_open = False
        time.sleep(0.05)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def half_close(self) -> None:
        """Say no more, and go on listening until the other side leaves."""
        self._connection.shutdown(socket.SHUT_WR)
        self.hang()

    def hang(self) -> None:
        """Say nothing until the other side leaves, or the test lets go."""
        self.is_open = False
        deadline = time.monotonic() + PATIENCE_S
        self._connection.settimeout(0.05)
        while time.monotonic() < deadline and not self._released.is_set():
            try:
                if not self._connection.recv(65536):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        with suppress(OSError):
            self._connection.close()


type Play = Callable[[Line], None]


def _unplayed(line: Line) -> None:
    line.say(b"HTTP/1.1 500 No such play\r\ncontent-length: 0\r\n\r\n")


class MisbehavingProvider:
    """`plays` by name, `good` for a call that names none; `asked` holds every request, `visits` counts connections,
    `tls` is what it speaks TLS with, where it does. One with a `greeting` says that unasked, and closes."""

    def __init__(
        self,
        good: Play,
        plays: dict[str, Play] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        greeting: bytes = b"",
    ) -> None:
        self._greeting = greeting
        self.good = good
        self.plays = plays or {}
        self.asked: list[Asked] = []
        self.visits = 0
        self.released = threading.Event()
        self._tls = tls
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return int(self._server.getsockname()[1])

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}" if self._tls is None else f"https://localhost:{self.port}"

    @contextmanager
    def running(self) -> Iterator["MisbehavingProvider"]:
        """Serve until the block ends."""
        accepting = threading.Thread(target=self._accept, daemon=True)
        accepting.start()
        try:
            yield self
        finally:
            self.released.set()
            self._server.shutdown(socket.SHUT_RDWR)
            self._server.close()
            accepting.join()

    def asked_for(self, play: str) -> list[Asked]:
        """The requests that named a play."""
        return [one for one in self.asked if one.fields.get(PLAY_HEADER) == play]

    def _accept(self) -> None:
        while True:
            try:
                connection, _peer = self._server.accept()
            except OSError:
                return
            self.visits += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(PATIENCE_S)
            if self._greeting:
                connection.recv(65536)
                connection.sendall(self._greeting)
                return
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                held = bytearray()
                while (asked := read_request(connection, held)) is not None:
                    self.asked.append(asked)
                    line = Line(connection, asked, self.released)
                    name = asked.fields.get(PLAY_HEADER, "")
                    (self.plays.get(name, _unplayed) if name else self.good)(line)
                    if not line.is_open:
                        return


def read_request(connection: socket.socket, held: bytearray) -> Asked | None:
    """The next request; None when the other side has left. `held` keeps what came after it."""
    while (end := held.find(b"\r\n\r\n")) < 0:
        if not _more(connection, held):
            return None
    head = bytes(held[: end + 4])
    del held[: end + 4]
    lines = head.decode("latin-1").split("\r\n")[1:]
    fields = {name.strip().lower(): value.strip() for name, sign, value in (line.partition(":") for line in lines)}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(connection, held)
    else:
        body = _take(connection, held, int(fields.get("content-length", 0)))
    return None if body is None else Asked(head, body, fields)


def _read_chunks(connection: socket.socket, held: bytearray) -> bytes | None:
    body = b""
    while True:
        while (end := held.find(b"\r\n")) < 0:
            if not _more(connection, held):
                return None
        size = int(held[:end].split(b";")[0], 16)
        del held[: end + 2]
        piece = _take(connection, held, size + 2)
        if piece is None:
            return None
        body += piece[:size]
        if size == 0:
            return body


def _take(connection: socket.socket, held: bytearray, size: int) -> bytes | None:
    while len(held) < size:
        if not _more(connection, held):
            return None
    taken = bytes(held[:size])
    del held[:size]
    return taken


def _more(connection: socket.socket, held: bytearray) -> bool:
    piece = connection.recv(65536)
    held += piece
    return bool(piece)
