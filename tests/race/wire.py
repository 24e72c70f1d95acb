"""HTTP/1.1 by hand on asyncio: enough for two hundred agents and their provider on two cores."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer. `start` is its first line, headers are lower-case."""

    start: str
    headers: dict[str, str]
    body: bytes


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next message. Raises asyncio.IncompleteReadError when the other side has left."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {}
    for line in head[1:]:
        name, sign, value = line.partition(":")
        if sign:
            headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding", "") == "chunked":
        return Message(head[0], headers, await _read_chunks(reader))
    return Message(head[0], headers, await reader.readexactly(int(headers.get("content-length", 0))))


def make_message(start: str, headers: dict[str, str], body: bytes) -> bytes:
    """A message as it goes over the wire."""
    told = headers | {"content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"{start}\r\n{lines}\r\n".encode() + body


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        body += (await reader.readexactly(size + 2))[:size]
        if size == 0:
            return bytes(body)
