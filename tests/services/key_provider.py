"""A provider that only says whether it takes a key, played on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class KeyProvider:
    """Answers each request with the status of the key it came with, and notes what was asked. `url` is its base."""

    url: str
    statuses: dict[str, int]
    location: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)


@contextmanager
def key_provider(statuses: dict[str, int], location: str = "") -> Iterator[KeyProvider]:
    """Serve until the end of the block; a key that is not named is refused with 401."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            names = ("x-api-key", "x-goog-api-key", "api-key", "authorization")
            header, key = next(((name, value) for name in names if (value := self.headers.get(name))), ("", ""))
            played.asked.append((self.path, header, key))
            self.send_response(played.statuses.get(key.removeprefix("Bearer "), 401))
            if played.location:
                self.send_header("location", played.location)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    played = KeyProvider(f"http://127.0.0.1:{server.server_address[1]}", statuses, location)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
