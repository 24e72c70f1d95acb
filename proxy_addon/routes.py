"""Where a request goes and how it is read: the one table of hosts and paths, deny by default.

A request comes to the gateway under a prefix (`/anthropic`, `/openai`, `/gemini`) or to the forward proxy under the
provider's own host. Either way its path is one that is metered, or one known to cost nothing, or unknown: it
could spend money unseen, so it is not sent where a hard cap would have to answer for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote, urlsplit

from app.core.call import ApiShape
from app.core.errors import InvalidInput
from app.core.tags import Billing
from proxy_addon.service_table import SERVICES
from proxy_addon.services import Service


class Kind(StrEnum):
    """What the table says of a path."""

    METERED = "metered"
    FREE = "free"
    UNKNOWN = "unknown"


class KeyUse(StrEnum):
    """What becomes of the provider's own key. `withheld`: the path is no model's, or anybody can have the host."""

    SENT = "sent"
    WITHHELD = "withheld"
    UNNEEDED = "unneeded"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a provider is reached. `base_path` is put before the path; empty, or `/` and something."""

    scheme: str
    host: str
    port: int
    base_path: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """What is known of a request before its body. `path` is the one sent upstream, without the query."""

    provider: str
    upstream: Upstream
    path: str
    kind: Kind
    api_shape: ApiShape
    operation: str = "chat"
    key_use: KeyUse = KeyUse.SENT
    logins: Billing = Billing.API


_READ_ONLY = ("GET", "HEAD", "OPTIONS", "DELETE")
"""Methods that make no model work."""
_UNMETERED = "unmetered"
_REMEMBERED, _LONGEST_REMEMBERED = 200, 300
"""How many paths keep their route, and how long they may be: agents ask for the same few, and the table does not change
while a meter runs."""
_OPERATIONS = {
    ApiShape.OPENAI_COMPLETIONS: "text_completion",
    ApiShape.OPENAI_EMBEDDINGS: "embeddings",
    ApiShape.GEMINI_EMBEDDINGS: "embeddings",
    ApiShape.OPENAI_MEDIA: "media",
}
_MINTING = re.compile(r".*/(?:realtime/(?:client_secrets|sessions|transcription_sessions)|auth_tokens|keys)/?")
"""Where a provider gives out a key of its own for the one that is shown: whoever has that needs no meter any more."""
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Routes:
    """The table with the places this meter sends to. `upstreams` maps a service to a base URL of its own choosing, by
    its gateway prefix or the name of its provider. Raises InvalidInput for a name that is neither.
    """

    def __init__(self, upstreams: Mapping[str, str] | None = None) -> None:
        self._upstreams: dict[str, Upstream] = {}
        self._known: dict[tuple[str, str], Route] = {}
        for name, url in (upstreams or {}).items():
            service = next((one for one in SERVICES if name in (one.name, one.provider)), None)
            if service is None:
                known = ", ".join(sorted({one.provider for one in SERVICES}))
                raise InvalidInput("No such provider", f"“{name[:40]}” is not one of {known}.")
            self._upstreams[service.name] = parse_upstream(url)

    @property
    def opened_hosts(self) -> tuple[str, ...]:
        """Patterns of `host:port` whose traffic the forward proxy opens. A name may end with a dot; it is the same."""
        return tuple(rf"^(?:{service.hosts.expression.pattern})\.?:{service.port}$" for service in SERVICES)

    def opens(self, host: str, port: int) -> bool:
        """Whether the forward proxy opens what goes to this place."""
        name = host.lower().removesuffix(".")
        return any(service.port == port and service.hosts.has(name) for service in SERVICES)

    def is_upstream(self, host: str, port: int) -> bool:
        """Whether calls are sent to this place: it was chosen, or is a provider's own."""
        if any((chosen.host.lower(), chosen.port) == (host, port) for chosen in self._upstreams.values()):
            return True
        own = (service for service in SERVICES if service.port == port and not service.is_customers)
        return any(service.hosts.has(host) for service in own)

    def by_prefix(self, method: str, path: str) -> Route | None:
        """The route of a gateway path such as `/anthropic/v1/messages`; None when its prefix names no service.

        A service without a host of its own is told it in the path: `/azure/RESOURCE/openai/…`, or
        `/bedrock/REGION/model/…`, or with the whole host in that place.
        """
        route = self._known.get((method, path))
        if route is None:
            route = self._found_by_prefix(method, path)
            if route is not None and len(path) <= _LONGEST_REMEMBERED:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[method, path] = route
        return route

    def _found_by_prefix(self, method: str, path: str) -> Route | None:
        prefix, _, rest = path.removeprefix("/").partition("/")
        service = _BY_PREFIX.get(prefix)
        if service is None:
            return None
        if (chosen := self._upstreams.get(service.name)) is not None:
            return _route(service, chosen, True, method, f"/{rest}")
        upstream, path = _placed(service, f"/{rest}")
        return None if upstream is None else _route(service, upstream, not service.is_customers, method, path)

    def by_host(self, method: str, scheme: str, host: str, port: int, path: str) -> Route | None:
        """The route of a request that names the provider's host itself; None when it is not a metered one."""
        name = host.lower().rstrip(".")
        for service in SERVICES:
            if (scheme, port) == (service.scheme, service.port) and service.hosts.has(name):
                return _route(service, *self._at_host(service, name), method, path)
        return None

    def _at_host(self, service: Service, host: str) -> tuple[Upstream, bool]:
        """Where a request to a host goes, and whether the provider's key may go along."""
        chosen = self._upstreams.get(service.name)
        there = Upstream(service.scheme, host, service.port)
        if chosen is None or (service.is_customers and chosen.host != host):
            return there, not service.is_customers
        return chosen, True


_BY_PREFIX = {service.name: service for service in SERVICES}


def _placed(service: Service, path: str) -> tuple[Upstream | None, str]:
    """Where a gateway path goes, and what is left of it; None where it does not say."""
    host = service.host
    if service.place_in_path is not None and (match := service.place_in_path.match(path)) is not None:
        host = service.host if match[1] == "global" else service.place.format(match[1])
    elif not host:
        place, _, rest = path.removeprefix("/").partition("/")
        host = service.place.format(place) if _LABEL.fullmatch(place) else place
        path = f"/{rest}"
    if not service.hosts.has(host):
        return None, path
    return Upstream(service.scheme, host, service.port), path


def _route(service: Service, upstream: Upstream, is_keys_place: bool, method: str, path: str) -> Route:
    """`is_keys_place`: the host is the provider's, or the one that the settings name."""
    if service.version_prefix and not path.startswith(f"{service.version_prefix}/"):
        path = service.version_prefix + path
    kind, shape = _kind(service, method, path)
    operation = _UNMETERED if kind is Kind.UNKNOWN else _OPERATIONS.get(shape, "chat")
    key_use = _key_use(service, kind, is_keys_place)
    if method == "POST" and key_use is KeyUse.SENT and _MINTING.fullmatch(unquote(path)):
        key_use = KeyUse.WITHHELD
    return Route(service.provider, upstream, path, kind, shape, operation, key_use, service.logins)


def _key_use(service: Service, kind: Kind, is_keys_place: bool) -> KeyUse:
    if not service.has_keys:
        return KeyUse.UNNEEDED
    is_other_matter = service.others_cost_nothing and kind is not Kind.METERED
    return KeyUse.WITHHELD if is_other_matter or not is_keys_place else KeyUse.SENT


def _kind(service: Service, method: str, path: str) -> tuple[Kind, ApiShape]:
    """Whole paths only: a prefix that matches is not a path that is known."""
    is_clean = ".." not in unquote(path)
    if method == "POST" and is_clean:
        for pattern, shape in service.metered:
            if pattern.fullmatch(path):
                return Kind.METERED, shape
        if service.others_cost_nothing or any(pattern.fullmatch(path) for pattern in service.free):
            return Kind.FREE, service.fallback_shape
    is_free = method in _READ_ONLY or service.others_cost_nothing
    kind = Kind.FREE if is_free and is_clean and "%" not in path else Kind.UNKNOWN
    return kind, service.fallback_shape


def parse_place(text: str) -> tuple[str, int]:
    """A host and port such as `gitlab.internal:443`. Raises InvalidInput."""
    host, sign, port = text.rpartition(":")
    if not sign or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise InvalidInput("Not a destination", f"“{text[:80]}” must be a host and a port like gitlab.internal:443.")
    return host.lower(), int(port)


def parse_upstream(url: str) -> Upstream:
    """A base URL such as `https://llm.example.com/openai`. Plain http only to this machine. Raises InvalidInput."""
    parts = urlsplit(url)
    is_local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        port = 0
    is_good = parts.scheme == "https" or (parts.scheme == "http" and is_local)
    if not is_good or not parts.hostname or not port or parts.query or parts.fragment or parts.username:
        raise InvalidInput(
            "Not a provider address", f"“{url[:80]}” must be a base URL like https://llm.example.com/v1."
        )
    return Upstream(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))
