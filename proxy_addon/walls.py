"""Keeping out whoever may not speak to the meter at all, before anything else is looked at.

A web page in the developer's browser can reach a local port, by name after DNS rebinding or by simple cross-site
requests. It cannot leave out the headers that give it away, and no agent sends them. Refusals are the same empty 403
for every path, so that nothing can be learned.
"""

from collections.abc import Mapping

_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


def is_from_web_page(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent this on behalf of a page. Headers are lower-case."""
    site = headers.get("sec-fetch-site", "none").lower()
    return "origin" in headers or "referer" in headers or site != "none"


def is_local_name(host_header: str, port: int) -> bool:
    """Whether the gateway is addressed by a name of this machine and its own port, not by a rebound one."""
    name, _, told = host_header.strip().lower().rpartition(":")
    return told == str(port) and name in _LOCAL_NAMES


def is_let_in(headers: Mapping[str, str], host_header: str | None, port: int) -> bool:
    """Whether what came to the gateway on loopback may be looked at."""
    return is_local_name(host_header or "", port) and not is_from_web_page(headers)
