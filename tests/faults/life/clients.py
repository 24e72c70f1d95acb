"""Clients that call all the time, and count what became of each call."""

import http.client
import threading
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.end2end.bare_http import CHAT

BODY = b'{"model": "gpt-5-mini", "messages": []}'
TIMEOUT_S = 60.0


@dataclass
class Clients:
    """So many threads, each with a connection of its own: kept alive between calls, or a new one for each. `ended`
    counts `answered`, `refused` (the connection), `cut` (after it was sent) and the statuses of errors."""

    gateway: str
    token: str
    count: int
    keeps_alive: bool = False
    ended: "Counter[str]" = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._call_on, daemon=True) for _ in range(self.count)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _call_on(self) -> None:
        connection = None
        while not self._stopping.is_set():
            connection = connection or http.client.HTTPConnection(urlsplit(self.gateway).netloc, timeout=TIMEOUT_S)
            outcome = self._call(connection)
            with self._lock:
                self.ended[outcome] += 1
            if outcome != "answered" or not self.keeps_alive:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _call(self, connection: http.client.HTTPConnection) -> str:
        try:
            connection.request("POST", CHAT, BODY, {"authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            answer.read()
        except ConnectionRefusedError:
            return "refused"
        except (OSError, http.client.HTTPException):
            return "cut"
        return "answered" if answer.status == 200 else str(answer.status)
