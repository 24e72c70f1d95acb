"""A client that reads what really comes, byte by byte: whole answers, halves of them, and none."""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Status 0: nothing. `is_whole` tells whether a client could take it for a whole one."""

    status: int
    fields: dict[str, str]
    body: bytes
    is_whole: bool


NOTHING = Answer(0, {}, b"", is_whole=False)


def connect(gateway: str) -> socket.socket:
    """A connection to the meter."""
    place = urlsplit(gateway)
    connection = socket.create_connection((place.hostname, place.port or 0), timeout=PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def request(gateway: str, token: str, path: str, body: bytes, fields: dict[str, str] | None = None) -> bytes:
    """A request as it goes over the wire, with the virtual key."""
    sent = {"host": urlsplit(gateway).netloc, "x-api-key": token, "content-type": "application/json"}
    sent |= {"content-length": str(len(body))} | (fields or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def ask(gateway: str, raw: bytes) -> Answer:
    """Send bytes on a connection of their own, and read the answer."""
    with connect(gateway) as connection:
        with suppress(ConnectionError):
            connection.sendall(raw)
        return read_answer(connection)


def read_answer(connection: socket.socket, held: bytearray | None = None) -> Answer:
    """The next answer on a connection, whole or as far as it came; `held` keeps what came after it."""
    held = bytearray() if held is None else held
    while (end := held.find(b"\r\n\r\n")) < 0:
        if not _more(connection, held):
            return NOTHING
    lines = held[:end].decode("latin-1").split("\r\n")
    del held[: end + 4]
    fields = {name.strip().lower(): value.strip() for name, _sign, value in (line.partition(":") for line in lines[1:])}
    status = int(lines[0].split()[1])
    if status in (204, 304):
        return Answer(status, fields, b"", is_whole=True)
    if "chunked" in fields.get("transfer-encoding", ""):
        body, is_whole = _read_chunks(connection, held)
    elif re.fullmatch(r"\d+", fields.get("content-length", "")):
        body, is_whole = _take(connection, held, int(fields["content-length"]))
    else:
        while _more(connection, held):
            pass
        body, is_whole = bytes(held), True
    return Answer(status, fields, body, is_whole)


def _read_chunks(connection: socket.socket, held: bytearray) -> tuple[bytes, bool]:
    body = bytearray()
    while True:
        while (end := held.find(b"\r\n")) < 0:
            if not _more(connection, held):
                return bytes(body), False
        size = int(held[:end].split(b";")[0], 16)
        del held[: end + 2]
        piece, is_whole = _take(connection, held, size + 2)
        body += piece[:size]
        if size == 0 or not is_whole:
            return bytes(body), is_whole


def _take(connection: socket.socket, held: bytearray, size: int) -> tuple[bytes, bool]:
    while len(held) < size:
        if not _more(connection, held):
            break
    taken = bytes(held[:size])
    del held[:size]
    return taken, len(taken) == size


def _more(connection: socket.socket, held: bytearray) -> bool:
    """Whether more came. A reset is an end like any other; silence is not, and fails the test."""
    try:
        piece = connection.recv(65536)
    except ConnectionError:
        return False
    held += piece
    return bool(piece)
