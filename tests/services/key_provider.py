"""A provider that only says whether it takes a key, played on loopback."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us is part of the play."""


@dataclass
class KeyProvider:
    """Answers each request with the status of the key it came with, and notes what was asked. `url` is its base."""

    url: str
    statuses: dict[str, int]
    location: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)


@contextmanager
def key_provider(
    statuses: dict[str, int], location: str = "", certificate: tuple[Path, Path] | None = None
) -> Iterator[KeyProvider]:
    """Serve until the end of the block; a key that is not named is refused with 401. With a certificate and its key it
    speaks TLS."""

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

    server = _Server(("127.0.0.1", 0), Handler)
    scheme = "http"
    if certificate is not None:
        scheme, context = "https", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    played = KeyProvider(f"{scheme}://localhost:{server.server_address[1]}", statuses, location)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield played
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
