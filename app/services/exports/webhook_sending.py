"""Posting a body to a webhook's address: by https, to an address that was judged, without following a redirect.

The address is a secret (Slack's holds a token), so no error and no log holds more of it than the webhook's name.
"""

import contextlib
import email.utils
import http.client
import ipaddress
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from app.core.errors import ExportError, InvalidInput
from app.core.network import is_on_the_internet

TIMEOUT_S = 10.0
LONGEST_S = 30.0
"""Of one request, however slowly it is answered."""
_SCHEME_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Reply:
    """What the receiver answered: the status, and how long it wants to be left alone, in seconds."""

    status: int
    retry_after_s: float | None


def check_address(text: str) -> SplitResult:
    """A webhook's address in its parts. Raises InvalidInput, without a word of it."""
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _no_address() from None
    is_plain = text.strip().isascii() and not any(char.isspace() for char in text.strip())
    if parts.scheme not in _SCHEME_PORTS or not host or port == 0 or parts.username or not is_plain:
        raise _no_address()
    if parts.scheme == "http" and not is_this_machine(host):
        raise InvalidInput("Not a safe address", "Webhooks are sent by https only, but to this machine itself.")
    return parts


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address is this machine's loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def post(address: str, body: bytes, headers: Mapping[str, str], *, reaches_private: bool) -> Reply:
    """Post once. Raises InvalidInput for an address that is none, and ExportError when no answer came."""
    parts = check_address(address)
    try:
        connection = _connection(parts, reaches_private)
    except (OSError, UnicodeError) as error:
        raise _unreached(error) from None
    cut = threading.Timer(LONGEST_S, _cut, [connection])
    cut.daemon = True
    cut.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.netloc.rpartition("@")[2]
        connection.request("POST", path, body, {"host": host, "content-type": "application/json", **headers})
        answer = connection.getresponse()
        return Reply(answer.status, _wait(answer.headers.get("retry-after", "")))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _unreached(error) from None
    finally:
        cut.cancel()
        connection.close()


def _connection(parts: SplitResult, reaches_private: bool) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port or _SCHEME_PORTS[parts.scheme]
    through = _proxy_for(parts)
    if through is not None:
        _require_outside([host], reaches_private, only_literal=True)
        tunnelled = http.client.HTTPSConnection(through[0], through[1], timeout=TIMEOUT_S)
        tunnelled.set_tunnel(host, port)
        return tunnelled
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not is_this_machine(host):
        _require_outside(found, reaches_private)
    plain = _connected(found, port)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        is_secure = parts.scheme == "https"
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_secure else plain
    except BaseException:
        plain.close()
        raise
    return connection


def _connected(addresses: list[str], port: int) -> socket.socket:
    """To the first of the judged addresses that answers. Raises OSError."""
    trouble: OSError = ConnectionError("no address")
    for address in dict.fromkeys(addresses):
        try:
            return socket.create_connection((address, port), TIMEOUT_S)
        except OSError as error:
            trouble = error
    raise trouble


def _require_outside(addresses: list[str], reaches_private: bool, *, only_literal: bool = False) -> None:
    """Raises ExportError for an address on this machine or its network, unless a person said that it lies there."""
    for address in addresses:
        try:
            is_outside = is_on_the_internet(address)
        except ValueError:
            is_outside = only_literal
        if not is_outside and not reaches_private:
            raise ExportError("It is on a private network", "Add the webhook again with --private if that is meant.")


def _proxy_for(parts: SplitResult) -> tuple[str, int] | None:
    """The environment's proxy for an address by https, unless that is the meter on this machine."""
    named = urllib.request.getproxies().get("https", "")
    if parts.scheme != "https" or not named or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    try:
        proxy = urlsplit(named if "//" in named else f"//{named}")
        place = (proxy.hostname or "", proxy.port or 3128)
    except ValueError:
        return None
    return place if place[0] and not is_this_machine(place[0]) else None


def _wait(told: str) -> float | None:
    """Seconds of a Retry-After header, which is a number of them or a date; None for what is neither."""
    if told.strip().isascii() and told.strip().isdigit():
        return float(told)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _cut(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _no_address() -> InvalidInput:
    return InvalidInput("Not a webhook's address", "It must look like https://hooks.example.com/services/…")


def _unreached(error: Exception) -> ExportError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return ExportError("It cannot be reached", f"{why}. It is tried again.")
