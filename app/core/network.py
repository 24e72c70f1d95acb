"""Where the meter listens for agents that are not on this machine: containers, sandboxes elsewhere, other hosts.

Nothing does unless a person says so. An address is one of a machine's own; names are what agents may call it beside
that (`host.docker.internal`), and what its certificate is good for. Every address at once, or one of the open internet,
has to be said twice.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.core.errors import InvalidInput

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
