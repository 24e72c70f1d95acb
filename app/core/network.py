"""Where the meter listens for agents that are not on this machine: containers, sandboxes elsewhere, other hosts; and
which addresses are no more than this machine and its network.

Nothing does unless a person says so. An address is one of a machine's own; names are what agents may call it beside
that (`host.docker.internal`), and what its certificate is good for. Every address at once, or one of the open internet,
has to be said twice.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.core.errors import InvalidInput

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
_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*")


@dataclass(frozen=True, slots=True)
class NetworkPlace:
    """`address`: an IP address, maybe the one that stands for all. `names`: lower case, DNS names or IP addresses."""

    address: str
    port: int
    names: tuple[str, ...] = ()

    @property
    def hosts(self) -> tuple[str, ...]:
        """Whatever agents may address it by, the likeliest first."""
        own = () if ipaddress.ip_address(self.address).is_unspecified else (self.address,)
        return tuple(dict.fromkeys((*self.names, *own)))

    @property
    def url(self) -> str:
        """Its base URL, for a person to read."""
        return f"https://{_bracketed(self.hosts[0])}:{self.port}"

    @property
    def bind(self) -> str:
        """`172.17.0.1:8443`, `[fd00::1]:8443`."""
        return f"{_bracketed(self.address)}:{self.port}"

    def is_called(self, host_header: str) -> bool:
        """Whether a Host header means this place."""
        said = host_header.strip().lower()
        spellings = [_bracketed(host) for host in self.hosts]
        return said in [f"{host}:{self.port}" for host in spellings] or (self.port == 443 and said in spellings)


def parse_network_place(text: str, names: Iterable[str] = (), *, is_meant: bool = False) -> NetworkPlace:
    """A place from `172.17.0.1:8443`. `is_meant`: an address that anybody may reach is what is wanted.

    Raises InvalidInput.
    """
    host, _, port = text.strip().rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise _wrong(text, "Give an IP address of this machine and a port, like 172.17.0.1:8443.") from None
    if not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65_535:
        raise _wrong(text, "The port must be from 1 to 65535.")
    known = tuple(dict.fromkeys(_checked(name) for name in names))
    if (address.is_unspecified or address.is_global) and not is_meant:
        reach = "every network of this machine" if address.is_unspecified else "the internet"
        raise _wrong(text, f"That is open to {reach}. If you mean it, say so with --listen-anywhere as well.")
    if address.is_unspecified and not known:
        raise _wrong(text, "Name what agents will call it: --listen-name NAME. Its certificate is good for that only.")
    return NetworkPlace(str(address), int(port), known)


def is_on_the_internet(address: str) -> bool:
    """Whether an IP address, in its plain spelling, is a public one and not another way to write a local one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_on_the_internet(str(ip.ipv4_mapped))
        if ip.is_site_local or any(ip in network for network in _V6_WITH_V4_INSIDE):
            return False
    return ip.is_global and not ip.is_multicast


def _checked(name: str) -> str:
    low = name.strip().lower()
    try:
        return str(ipaddress.ip_address(low))
    except ValueError:
        if not _NAME.fullmatch(low):
            raise _wrong(name, "It must be a host's name or an IP address, without a port.") from None
        return low


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _wrong(text: str, message: str) -> InvalidInput:
    return InvalidInput(f"“{text[:80]}” is no place to listen", message)
