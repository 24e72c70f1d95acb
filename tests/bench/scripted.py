"""The bench's provider: a process of its own that answers Messages as fast as a script can, whole or as a stream.

Started with `python -m tests.bench.scripted`; prints its port. Every event of a stream carries the instant it was
handed to the kernel (CLOCK_MONOTONIC in nanoseconds, the same clock in every process of the machine).
"""

import asyncio
import json
import socket
import sys
import time
from collections.abc import Mapping

EVENTS_HEADER = b"x-bench-events"
GAP_HEADER = b"x-bench-gap-ms"
STAMP = b'"stamp":'

_USAGE = {"input_tokens": 400, "output_tokens": 120}
_MESSAGE = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "word " * 200}],
    "stop_reason": "end_turn",
    "usage": _USAGE,
}
WHOLE_BODY = json.dumps(_MESSAGE).encode()
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
    len(WHOLE_BODY),
    WHOLE_BODY,
)
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_START = _MESSAGE | {"content": [], "usage": {"input_tokens": 400, "output_tokens": 1}}
_END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 120}}


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=4 * 1024 * 1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(_value(head, b"content-length") or 0))
            events = int(_value(head, EVENTS_HEADER) or 0)
            if events:
                await _stream(writer, events, int(_value(head, GAP_HEADER) or 0) / 1000)
            else:
                writer.write(_WHOLE)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _stream(writer: asyncio.StreamWriter, events: int, gap_s: float) -> None:
    writer.write(_STREAM_HEAD + _chunk(_event({"type": "message_start", "message": _START})))
    for _ in range(events):
        if gap_s:
            await asyncio.sleep(gap_s)
        delta = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word "},%s%d}'
        writer.write(_chunk(b"event: content_block_delta\ndata: " + delta % (STAMP, time.monotonic_ns()) + b"\n\n"))
    writer.write(_chunk(_event(_END)) + _chunk(_event({"type": "message_stop"})) + b"0\r\n\r\n")
    await writer.drain()


def _event(value: Mapping[str, object]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _value(head: bytes, name: bytes) -> bytes:
    _, sign, rest = head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if sign else b""


if __name__ == "__main__":
    asyncio.run(main())
