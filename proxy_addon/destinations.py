"""Where a connection of the forward proxy may go: to the internet, and nowhere inside.

Whoever reaches the proxy (an agent that was talked into it, a page in a browser) would otherwise reach through it what
only this machine can see: its own services, the local network, a cloud's metadata address. So a name is resolved here,
all its addresses are judged, and the connection goes to one that was judged, whatever the name says a moment later.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Callable

_V6_WITH_V4_INSIDE = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "::/96",  # IPv4-compatible (RFC 4291, deprecated)
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # local NAT64 (RFC 8215)
        "2001::/32",  # Teredo (RFC 4380)
        "2002::/16",  # 6to4 (RFC 3056)
    )
)

type Place = tuple[str, int]


class ForbiddenDestination(Exception):
    """A connection that is not made; the text says why."""


class Destinations:
    """Judges where a connection goes. `is_exempt` is asked, by lower-case host and port, for places that may be inside:
    those that a person chose, and a provider that runs here."""

    def __init__(self, is_exempt: Callable[[str, int], bool]) -> None:
        self._is_exempt = is_exempt

    async def judged(self, place: Place) -> Place:
        """The place to connect to. Raises ForbiddenDestination."""
        host, port = place[0].lower().rstrip("."), place[1]
        if self._is_exempt(host, port):
            return place
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ForbiddenDestination("it has no address") from None
        addresses = [str(address[0]) for *_, address in found]
        if not addresses or not all(is_on_the_internet(address) for address in addresses):
            raise ForbiddenDestination("it is on this machine or its network")
        return addresses[0], port


def is_on_the_internet(address: str) -> bool:
    """Whether an IP address, in its plain spelling, is a public one and not another way to write a local one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_on_the_internet(str(ip.ipv4_mapped))
        if ip.is_site_local or any(ip in network for network in _V6_WITH_V4_INSIDE):
            return False
    return ip.is_global and not ip.is_multicast
