"""A scripted provider on loopback: real wire formats, invented answers, and a bill of its own.

The bill is kept from what was answered and the script's own price list, without any part of Bursar's metering, so that
the two can be held against each other.
"""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from app.services.demo.dialects import dialect_for
from app.services.demo.dialects.wire import Answer, Dialect, Question

BYTES_PER_TOKEN = 4
HOST = "127.0.0.1"
KEY_HEADERS = ("x-api-key", "authorization", "x-goog-api-key")


@dataclass(frozen=True, slots=True)
class Prices:
    """Nano-dollars for one token of each class."""

    input: int
    cache_read: int
    cache_write: int
    output: int

    def charge(self, answer: Answer) -> int:
        """Nano-dollars of one answer."""
        fresh = answer.input_tokens - answer.cache_read_tokens - answer.cache_write_tokens
        return (
            fresh * self.input
            + answer.cache_read_tokens * self.cache_read
            + answer.cache_write_tokens * self.cache_write
            + answer.output_tokens * self.output
        )


@dataclass(frozen=True, slots=True)
class Script:
    """What the provider sells and says. `writes_cache` names the models that charge for cache writes."""

    prices: Mapping[str, Prices]
    writes_cache: frozenset[str]
    answers: tuple[tuple[str, int], ...]


def read_script(file: Path) -> Script:
    """The script in a JSON file: `prices` (nano-dollars a token), `writes_cache`, `answers` (text, output tokens)."""
    values = json.loads(file.read_text(encoding="utf-8"))
    return Script(
        prices={model: Prices(**prices) for model, prices in values["prices"].items()},
        writes_cache=frozenset(values["writes_cache"]),
        answers=tuple((answer["text"], answer["output_tokens"]) for answer in values["answers"]),
    )


class ScriptedProvider:
    """The provider while it serves. `delay_s` is the time between two chunks of a stream.

    `bill_nano_usd` and `calls` are what it has charged so far.
    """

    def __init__(self, script: Script, key: str, *, delay_s: float) -> None:
        self.bill_nano_usd = 0
        self.calls = 0
        self.delay_s = delay_s
        self._key = key
        self._script = script
        self._cached: dict[str, int] = {}
        self._lock = threading.Lock()
        self._server = _Server((HOST, 0), _Handler)
        self._server.provider = self
        self.url = f"http://{HOST}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="demo-provider")

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Whether the provider's own key is in one of the headers for it, and nothing else in the others.

        A client may send a key twice, and newer ones send it elsewhere than older ones. A virtual key that came
        through in any of them is a fault.
        """
        given = [value for name, value in headers.items() if name.lower() in KEY_HEADERS]
        keys = {value.removeprefix("Bearer ") for value in given}
        return keys == {self._key}

    def answer(self, question: Question, body_bytes: int) -> Answer:
        """Answer and charge. Raises KeyError for a model that is not sold."""
        prices = self._script.prices[question.model]
        conversation = hashlib.sha256(f"{question.model} {question.conversation}".encode()).hexdigest()
        total = body_bytes // BYTES_PER_TOKEN
        with self._lock:
            read = min(self._cached.get(conversation, 0), total)
            self._cached[conversation] = total
            text, output_tokens = self._script.answers[self.calls % len(self._script.answers)]
            answer = Answer(
                response_id=secrets.token_hex(12),
                model=question.model,
                text=text,
                input_tokens=total,
                cache_read_tokens=read,
                cache_write_tokens=total - read if question.model in self._script.writes_cache else 0,
                output_tokens=min(output_tokens, question.output_limit),
                tells_usage=question.tells_usage,
            )
            self.calls += 1
            self.bill_nano_usd += prices.charge(answer)
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: ScriptedProvider

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the story is told elsewhere."""

    def do_POST(self) -> None:
        """Answer one call, or say in the provider's shape what is wrong with it."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        dialect = dialect_for(self.path)
        if dialect is None:
            self._send_json(404, {"error": {"message": "There is nothing here."}})
        elif not self.server.provider.accepts(dict(self.headers.items())):
            self._send_json(401, dialect.error(401, "The key is not valid."))
        else:
            self._serve(dialect, body)

    def _serve(self, dialect: Dialect, body: bytes) -> None:
        try:
            question = dialect.read(self.path, json.loads(body))
            answer = self.server.provider.answer(question, len(body))
        except (KeyError, TypeError, ValueError, AttributeError):
            self._send_json(400, dialect.error(400, "The body or the model is not one this provider knows."))
            return
        if question.is_stream:
            self._send_stream(dialect, answer)
        else:
            time.sleep(self.server.provider.delay_s)
            self._send_json(200, dialect.whole(answer))

    def _send_json(self, status: int, value: Mapping[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_stream(self, dialect: Dialect, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in dialect.events(answer):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
            time.sleep(self.server.provider.delay_s)
        self.wfile.write(b"0\r\n\r\n")
