"""Where a connection of the forward proxy may go: to the internet, and nowhere inside.

Whoever reaches the proxy (an agent that was talked into it, a page in a browser) would otherwise reach through it what
only this machine can see: its own services, the local network, a cloud's metadata address. So a name is resolved here,
all its addresses are judged, and the connection goes to one that was judged, whatever the name says a moment later.
"""

import asyncio
import socket
from collections.abc import Callable

from app.core.network import is_on_the_internet

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
