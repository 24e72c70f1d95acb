"""Where a request goes and how it is read: the one table of hosts and paths, deny by default.

A request comes to the gateway under a prefix (`/anthropic`, `/openai`, `/gemini`) or to the forward proxy under the
provider's own host. Either way it must name a path this table knows: one that is metered, or one known to cost nothing.
Everything else on a provider's host is refused, since it could spend money unseen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from app.core.call import ApiShape
from app.core.errors import InvalidInput


class Kind(StrEnum):
    """What the table says of a path."""

    METERED = "metered"
    FREE = "free"
    UNKNOWN = "unknown"


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


@dataclass(frozen=True, slots=True)
class _Provider:
    """One provider. `fallback_shape` says in which dialect errors are told where a path has none of its own."""

    host: str
    prefix: str
    fallback_shape: ApiShape
    metered: tuple[tuple[re.Pattern[str], ApiShape], ...]
    free: tuple[re.Pattern[str], ...]
    version_prefix: str = ""


def _paths(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


# Paths as the providers document them; which of them cost nothing is in wire-formats notes, sections 1 and 3.
_PROVIDERS = {
    "anthropic": _Provider(
        host="api.anthropic.com",
        prefix="anthropic",
        fallback_shape=ApiShape.ANTHROPIC_MESSAGES,
        metered=((re.compile(r"/v1/messages"), ApiShape.ANTHROPIC_MESSAGES),),
        free=_paths(r"/v1/messages/count_tokens", r"/api/.*"),
    ),
    "openai": _Provider(
        host="api.openai.com",
        prefix="openai",
        fallback_shape=ApiShape.OPENAI_CHAT,
        metered=(
            (re.compile(r"/v1/chat/completions"), ApiShape.OPENAI_CHAT),
            (re.compile(r"/v1/responses"), ApiShape.OPENAI_RESPONSES),
        ),
        free=_paths(r"/v1/responses/input_tokens", r"/v1/responses/[^/]+/cancel", r"/v1/moderations"),
        version_prefix="/v1",
    ),
    "google": _Provider(
        host="generativelanguage.googleapis.com",
        prefix="gemini",
        fallback_shape=ApiShape.GEMINI,
        metered=((re.compile(r"/v1(?:beta|alpha)?/models/[^/:]+:(?:stream)?[gG]enerateContent"), ApiShape.GEMINI),),
        free=_paths(r"/v1(?:beta|alpha)?/models/[^/:]+:countTokens"),
    ),
}
_READ_ONLY = ("GET", "HEAD", "OPTIONS")


class Routes:
    """The table with the places this meter sends to. `upstreams` maps a provider to a base URL of its own choosing."""

    def __init__(self, upstreams: Mapping[str, str] | None = None) -> None:
        self._upstreams = {name: Upstream("https", provider.host, 443) for name, provider in _PROVIDERS.items()}
        for name, url in (upstreams or {}).items():
            if name not in _PROVIDERS:
                known = ", ".join(sorted(_PROVIDERS))
                raise InvalidInput("No such provider", f"“{name[:40]}” is not one of {known}.")
            self._upstreams[name] = parse_upstream(url)

    @property
    def metered_hosts(self) -> tuple[str, ...]:
        """Hosts whose traffic the forward proxy opens."""
        return tuple(provider.host for provider in _PROVIDERS.values())

    @property
    def upstream_places(self) -> frozenset[tuple[str, int]]:
        """Host and port of every place calls are sent to."""
        return frozenset((upstream.host.lower(), upstream.port) for upstream in self._upstreams.values())

    def by_prefix(self, method: str, path: str) -> Route | None:
        """The route of a gateway path such as `/anthropic/v1/messages`; None when its prefix names no provider."""
        prefix, _, rest = path.removeprefix("/").partition("/")
        for name, provider in _PROVIDERS.items():
            if provider.prefix == prefix:
                return self._route(name, method, f"/{rest}")
        return None

    def by_host(self, method: str, scheme: str, host: str, port: int, path: str) -> Route | None:
        """The route of a request that names the provider's host itself; None when it is not a metered one."""
        for name, provider in _PROVIDERS.items():
            if (scheme, host.lower().rstrip("."), port) == ("https", provider.host, 443):
                return self._route(name, method, path)
        return None

    def _route(self, name: str, method: str, path: str) -> Route:
        provider = _PROVIDERS[name]
        if provider.version_prefix and not path.startswith(f"{provider.version_prefix}/"):
            path = provider.version_prefix + path
        kind, shape = _kind(provider, method, path)
        return Route(name, self._upstreams[name], path, kind, shape)


def _kind(provider: _Provider, method: str, path: str) -> tuple[Kind, ApiShape]:
    """Whole paths only: a prefix that matches is not a path that is known."""
    if method == "POST":
        for pattern, shape in provider.metered:
            if pattern.fullmatch(path):
                return Kind.METERED, shape
        if any(pattern.fullmatch(path) for pattern in provider.free):
            return Kind.FREE, provider.fallback_shape
    is_clean = ".." not in path and "%" not in path
    kind = Kind.FREE if method in _READ_ONLY and is_clean else Kind.UNKNOWN
    return kind, provider.fallback_shape


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
