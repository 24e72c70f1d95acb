"""Around a meter that is killed again and again: a provider that bills by itself, and clients that remember answers.

Each call has a name of its own, which stands in its body for the provider and in a header for the ledger, so that what
one knows can be held against what the others know, call by call. Nothing here is taken from Bursar.
"""

import asyncio
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.race.wire import make_message, read_message

PATH = "/openai/v1/chat/completions"
INPUT_NANO, OUTPUT_NANO = 250, 2_000
"""Nano-dollars a token: gpt-5-mini's list price."""
OUTPUT_LIMIT = 600
SLOWEST_S = 0.05
PARTS = 4
RETRY_S = 0.05


@dataclass
class World:
    """`billed` is the provider's bill by call, in nano-dollars; `answered` the calls whose answer a client has whole;
    `met` counts what else clients met. `gateway` is the meter's address, empty while clients are to wait."""

    clients: int
    token: str
    billed: dict[str, int] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    met: Counter[str] = field(default_factory=Counter)
    url: str = ""
    gateway: tuple[str, int] | None = None
    _dice: random.Random = field(default_factory=lambda: random.Random(1))
    _is_over: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def turning(self) -> Iterator["World"]:
        """Provider and clients in a thread of their own, until the block ends and the last call has."""
        began = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._turn(began)), name="world", daemon=True)
        thread.start()
        began.wait()
        try:
            yield self
        finally:
            self._is_over = True
            thread.join()

    def close(self) -> None:
        """Let no further call begin, and wait for those on their way."""
        self._is_over = True
        self._ended.wait(60)

    async def _turn(self, began: threading.Event) -> None:
        server = await asyncio.start_server(self._provide, "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        began.set()
        await asyncio.gather(*(self._client(number) for number in range(self.clients)))
        self._ended.set()
        server.close()

    async def _client(self, number: int) -> None:
        turn = 0
        while not self._is_over:
            if self.gateway is None:
                await asyncio.sleep(RETRY_S)
                continue
            turn += 1
            try:
                async with asyncio.timeout(30):
                    await self._call(f"c{number}-{turn}", is_stream=turn % 2 == 0)
            except ConnectionRefusedError:
                self.met["refused connections"] += 1
                await asyncio.sleep(RETRY_S)
            except (OSError, asyncio.IncompleteReadError, ValueError):  # the end in the place of a chunk's length
                self.met["broken off"] += 1
            except TimeoutError:
                self.met["hung"] += 1

    async def _call(self, name: str, *, is_stream: bool) -> None:
        """One call on a connection of its own."""
        assert self.gateway is not None
        host, port = self.gateway
        reader, writer = await asyncio.open_connection(host, port)
        try:
            asked = {"model": "gpt-5-mini", "max_completion_tokens": OUTPUT_LIMIT, "stream": is_stream,
                     "messages": [{"role": "user", "content": name}]}  # fmt: skip
            if is_stream:
                asked["stream_options"] = {"include_usage": True}
            headers = {"host": f"{host}:{port}", "content-type": "application/json", "x-api-key": self.token,
                       "x-bursar-task": name}  # fmt: skip
            writer.write(make_message(f"POST {PATH} HTTP/1.1", headers, json.dumps(asked).encode()))
            answer = await read_message(reader)
            status = answer.start.split()[1]
            if status == "200" and b'"usage": {' in answer.body:
                self.answered.add(name)
            else:
                self.met[f"status {status}"] += 1
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _provide(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Bill each call the moment it arrives, whoever hears the answer."""
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                request = await read_message(reader)
                asked = json.loads(request.body)
                name = asked["messages"][0]["content"]
                given, made = len(request.body) // 4, self._dice.randint(200, OUTPUT_LIMIT)
                assert name not in self.billed, "sent twice"
                self.billed[name] = given * INPUT_NANO + made * OUTPUT_NANO
                usage = {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}
                await asyncio.sleep(self._dice.uniform(0, SLOWEST_S))
                if asked["stream"]:
                    await self._stream(writer, name, usage)
                else:
                    choice = {"index": 0, "message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}
                    told = _about(name, "chat.completion") | {"choices": [choice], "usage": usage}
                    body = json.dumps(told).encode()
                    writer.write(make_message("HTTP/1.1 200 OK", {"content-type": "application/json"}, body))
                    await writer.drain()
        writer.close()

    async def _stream(self, writer: asyncio.StreamWriter, name: str, usage: dict[str, int]) -> None:
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        about = _about(name, "chat.completion.chunk")
        for number in range(PARTS):
            choice = {"index": 0, "delta": {"content": f"part {number} "}, "finish_reason": None}
            _chunk(writer, b"data: " + json.dumps(about | {"choices": [choice]}).encode() + b"\n\n")
            await writer.drain()
            await asyncio.sleep(self._dice.uniform(0, SLOWEST_S / PARTS))
        _chunk(writer, b"data: " + json.dumps(about | {"choices": [], "usage": usage}).encode() + b"\n\n")
        _chunk(writer, b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _about(name: str, kind: str) -> dict[str, object]:
    return {"id": f"chatcmpl-{name}", "object": kind, "created": 1_700_000_000, "model": "gpt-5-mini"}


def _chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(data), data))
