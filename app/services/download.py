"""Fetching one small file from the web, on a person's word: over https, bounded, past no proxy that is the meter."""

import ipaddress
import urllib.error
import urllib.request
from typing import IO, Any
from urllib.parse import urlsplit

from app.core.errors import FetchError, InvalidInput

TIMEOUT_S = 20


class TooLarge(InvalidInput):
    """What was asked for is larger than what it may be."""


def download(url: str, most_bytes: int, *, failed: str, otherwise: str) -> bytes:
    """The file at an address. Raises InvalidInput for an address that is not safe, TooLarge, or FetchError with the
    title `failed` and `otherwise` behind the reason."""
    if not _is_safe(url):
        raise InvalidInput("Not a safe address", f"{url[:200]}: only https is fetched from.")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler(_proxies()), _SafeRedirects())
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            body: bytes = answer.read(most_bytes + 1)
    except (OSError, urllib.error.URLError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "code", None) or type(error).__name__
        raise FetchError(failed, f"{why}. {otherwise}") from None
    if len(body) > most_bytes:
        raise TooLarge(failed, f"It is larger than {most_bytes:,} bytes.")
    return body


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to where one may be sent in the first place."""

    def redirect_request(
        self, request: urllib.request.Request, answer: IO[bytes], code: int, why: str, headers: Any, url: str
    ) -> urllib.request.Request | None:
        if not _is_safe(url):
            raise urllib.error.URLError("it leads to an address without https")
        return super().redirect_request(request, answer, code, why, headers, url)


def _is_safe(url: str) -> bool:
    return url.startswith("https://") or (url.startswith("http://") and _is_this_machine(urlsplit(url).hostname or ""))


def _proxies() -> dict[str, str]:
    """The proxies of the environment but those on this machine: they are the meter, which is not to meter us."""
    found = urllib.request.getproxies()
    return {scheme: url for scheme, url in found.items() if not _is_this_machine(urlsplit(url).hostname or "")}


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
