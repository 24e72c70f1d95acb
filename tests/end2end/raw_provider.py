"""A provider that keeps every byte it is sent and answers whatever looks like a request, however it is framed."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class RawProvider(socketserver.ThreadingTCPServer):
    """What was said on each connection stands in `said`, in the order in which they were opened."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Listening)
        self.said: list[bytearray] = []

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["RawProvider"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()


class _Listening(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, RawProvider)
        heard = bytearray()
        self.server.said.append(heard)
        heads = 0
        while piece := self.request.recv(65536):
            heard += piece
            while heads < heard.count(b"HTTP/1.1\r\n"):
                heads += 1
                self.request.sendall(ANSWER)
