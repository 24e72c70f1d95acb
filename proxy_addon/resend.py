"""One request sent again by ourselves, for the server that turned it away because of something we had put into it.

mitmproxy cannot ask twice within one call, so this does, on a thread: the first answer was an error, which nobody
bills, and the second is the one that the client would have had. It comes whole and not as it streams; the server is
remembered, so that this happens once for an address and model.
"""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import certifi

from proxy_addon.routes import Upstream

TIMEOUT_S = 600.0
"""As long as the SDKs wait for an answer."""
MAX_BODY_BYTES = 64 * 1024 * 1024
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "upgrade", "te"})


class NotSentAgain(Exception):
    """The server could not be reached again, or its answer was too large."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: the body is as it came off the wire, its length not among the headers."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def send_again(upstream: Upstream, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """POST `body` to `path` and wait for the whole answer. Blocks. Raises NotSentAgain."""
    sent = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_CONNECTION}
    connection = _connection(upstream)
    try:
        connection.request("POST", path, body, sent)
        response = connection.getresponse()
        read = response.read(MAX_BODY_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise NotSentAgain(type(error).__name__) from None
    finally:
        connection.close()
    if len(read) > MAX_BODY_BYTES:
        raise NotSentAgain("The answer is too large.")
    kept = [(name, value) for name, value in response.getheaders() if name.lower() not in _OF_THE_CONNECTION]
    return Answer(response.status, tuple(kept), read)


def _connection(upstream: Upstream) -> http.client.HTTPConnection:
    if upstream.scheme == "https":
        trust = ssl.create_default_context(cafile=certifi.where())  # what mitmproxy trusts
        return http.client.HTTPSConnection(upstream.host, upstream.port, timeout=TIMEOUT_S, context=trust)
    return http.client.HTTPConnection(upstream.host, upstream.port, timeout=TIMEOUT_S)
