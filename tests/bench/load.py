"""The bench's client: calls over kept connections, as an agent's SDK makes them, and what each took.

Sockets and bytes only, so that the client weighs little in what is measured.
"""

import asyncio
import itertools
import json
import re
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.bench.scripted import EVENTS_HEADER, GAP_HEADER, STAMP

CALLS_A_CONVERSATION = 100
_STAMPS = re.compile(re.escape(STAMP) + rb"(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls go: straight to the provider, or through something. `token` is sent as the key."""

    name: str
    port: int
    path: str
    token: str = "bench"
    pid: int = 0


@dataclass(slots=True)
class Timings:
    """Milliseconds of each call, to the first event of each stream, and between an event's sending and its arrival."""

    calls: list[float] = field(default_factory=list)
    first_events: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)


class Bodies:
    """Messages requests of about `size` bytes, no two alike: the same one over and over is an agent in a loop."""

    def __init__(self, size: int, *, is_stream: bool = False) -> None:
        stream = b'"stream":true,' if is_stream else b""
        self._head = b'{"model":"claude-haiku-4-5","max_tokens":1024,%s"messages":[{"role":"user","content":"' % stream
        self._tail = b"x" * max(0, size - len(self._head) - 16) + b'"}]}'
        self._numbers = itertools.count()

    def next(self) -> bytes:
        """The next one."""
        return b"%s%012d%s" % (self._head, next(self._numbers), self._tail)


class Conversation(Bodies):
    """The same as an agent sends them: turns of a tool and its result, and each request goes on from the one before."""

    def __init__(self, size: int) -> None:
        super().__init__(0)
        turns = [_turns(number) for number in range(size // len(_turns(0)))]
        self._begin = b'{"model":"claude-haiku-4-5","max_tokens":1024,"messages":[%s' % b"".join(turns)
        self._said = b""

    def next(self) -> bytes:
        """The next one."""
        number = next(self._numbers)
        if number % CALLS_A_CONVERSATION == 0:
            self._said = b""
        asked = b'{"role":"user","content":"Now look at part %d."}' % number
        body = self._begin + self._said + asked + b"]}"
        self._said += asked + b',{"role":"assistant","content":"It is well."},'
        return body


def _turns(number: int) -> bytes:
    """What an agent asked for and got, some 2 KB in two turns."""
    use = {"type": "tool_use", "id": f"toolu_{number:08d}", "name": "Read", "input": {"path": f"src/part{number}.py"}}
    asked = {"role": "assistant", "content": [{"type": "text", "text": "I look at the next file."}, use]}
    lines = "".join(f"    total += rates[{line}] * counts[{line}]  # {number}\n" for line in range(36))
    result = {"type": "tool_result", "tool_use_id": use["id"], "content": lines}
    return b"".join(json.dumps(turn).encode() + b"," for turn in (asked, {"role": "user", "content": [result]}))


class Connection:
    """One kept connection to a target."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._target.port, limit=2**22)
        self._writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def call(self, body: bytes) -> float:
        """One whole answer; returns milliseconds. Raises RuntimeError for any status but 200."""
        started = time.perf_counter()
        self._send(body)
        head = await self._head()
        length = _LENGTH.search(head)
        if length is None:
            await self._chunks()
        else:
            await self._reader.readexactly(int(length[1]))
        return (time.perf_counter() - started) * 1000

    async def stream(self, body: bytes, events: int, gap_ms: int, into: Timings) -> None:
        """One streamed answer, event by event."""
        started = time.perf_counter()
        self._send(body, b"%s: %d\r\n%s: %d\r\n" % (EVENTS_HEADER, events, GAP_HEADER, gap_ms))
        await self._head()
        is_first = True
        async for data in self._each_chunk():
            now = time.monotonic_ns()
            if is_first:
                into.first_events.append((time.perf_counter() - started) * 1000)
                is_first = False
            into.lags.extend((now - int(stamp)) / 1e6 for stamp in _STAMPS.findall(data))
        into.calls.append((time.perf_counter() - started) * 1000)

    def _send(self, body: bytes, extra: bytes = b"") -> None:
        target = self._target
        self._writer.write(
            b"POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nx-api-key: %s\r\ncontent-type: application/json\r\n"
            b"%scontent-length: %d\r\n\r\n%s"
            % (target.path.encode(), target.port, target.token.encode(), extra, len(body), body)
        )

    async def _head(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{self._target.name} answered {head.splitlines()[0].decode()}")
        return head

    async def _chunks(self) -> None:
        async for _data in self._each_chunk():
            pass

    async def _each_chunk(self) -> AsyncIterator[bytes]:
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readuntil(b"\r\n")
