"""A service: one way to reach a provider, by its hosts and paths. The table of them is `service_table`.

Host patterns are matched against the whole name, so a look-alike host matches none. Paths are matched whole too: what
is not listed is unknown.
"""

import re
from dataclasses import dataclass

from app.core.call import ApiShape
from app.core.tags import Billing

Paths = tuple[tuple[re.Pattern[str], ApiShape], ...]


@dataclass(frozen=True, slots=True)
class Service:
    """One way to reach a provider.

    `name` is the gateway's prefix, `host` the usual host, empty where each customer or region has its own: `place` is
    then the host with `{}` for what the gateway path names, `place_in_path` finds that inside the path. `hosts` matches
    every host. `is_customers`: anybody can rent a host that matches, so the provider's key goes only to the one that
    the settings name. `others_cost_nothing`: the host serves much besides models, to
    which the provider's key does not go. `version_prefix` is put before a path
    that leaves it out. `logins` is who is paid for calls with a caller's own credentials, where the place tells.
    """

    provider: str
    name: str
    fallback_shape: ApiShape
    metered: Paths
    hosts: re.Pattern[str]
    host: str = ""
    scheme: str = "https"
    port: int = 443
    place: str = ""
    place_in_path: re.Pattern[str] | None = None
    free: tuple[re.Pattern[str], ...] = ()
    version_prefix: str = ""
    others_cost_nothing: bool = False
    is_customers: bool = False
    has_keys: bool = True
    logins: Billing = Billing.API


def hosts(*patterns: str) -> re.Pattern[str]:
    """A name as it stands, or with `{label}` and `{region}` for one part of it."""
    parts = {"{label}": r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", "{region}": r"[a-z]{2,3}(?:-[a-z]+){1,3}-[0-9]{1,2}"}
    whole = "|".join(re.escape(pattern) for pattern in patterns)
    for part, expression in parts.items():
        whole = whole.replace(re.escape(part), expression)
    return re.compile(whole)


def paths(base: str, table: dict[str, ApiShape]) -> Paths:
    """Patterns of paths under `base`, each with the dialect spoken there."""
    return tuple((re.compile(f"(?:{base})(?:{path})"), shape) for path, shape in table.items())


def free_paths(*patterns: str) -> tuple[re.Pattern[str], ...]:
    """Patterns of paths that cost nothing."""
    return tuple(re.compile(pattern) for pattern in patterns)
