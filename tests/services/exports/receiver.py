"""A webhook's receiver on loopback: real HTTP, with answers that a test chooses."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Posted:
    """One request. Header names are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        """The body's JSON."""
        return dict(json.loads(self.body))


@dataclass
class Receiver:
    """What has arrived. `answers` (a status and headers) are given first, one a request, then 200; `on_post` is called
    before an answer is given."""

    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    on_post: Callable[[Posted], object] = lambda posted: None

    @property
    def titles(self) -> list[str]:
        """What has arrived, by the titles of our own form."""
        return [one.told["title"] for one in self.posted]

    @property
    def ids(self) -> list[str]:
        """The events' ids, of our own form."""
        return [one.told["id"] for one in self.posted]


@contextmanager
def played_receiver() -> Iterator[Receiver]:
    """One that listens until the end."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            posted = Posted(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.posted.append(posted)
            receiver.on_post(posted)
            status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
            self.send_response(status)
            for name, value in {**headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_port}/services/T0/SECRET-PART"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
