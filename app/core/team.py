"""A team that shares caps: where its ledger is, who belongs to it, and what a meter tells it and is told.

The database knows who speaks by the login, and what time it is by its own clock, so neither stands in these values.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from urllib.parse import quote, unquote, urlencode, urlsplit

from app.core.call import Call
from app.core.caps import Cap
from app.core.errors import InvalidInput
from app.core.reservations import CapWindow, Draft, ReservationState

TEAM_SCHEME = "postgresql+psycopg"
DEFAULT_PORT = 5432
_SPELLINGS = (TEAM_SCHEME, "postgresql", "postgres")


class Role(StrEnum):
    """What a member may do. A member's calls count in the team's caps; a lead sets the caps and answers for the team as
    well; a viewer sees what was spent and spends nothing."""

    MEMBER = "member"
    LEAD = "lead"
    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class TeamPlace:
    """Where a team's ledger is and as whom to enter it. `host` is a name, an address, or the folder of a socket on this
    machine; `name` is the team's, empty until the database has told it. There is never a password here."""

    host: str
    port: int
    database: str
    user: str
    name: str = ""

    @property
    def is_socket(self) -> bool:
        """Whether it is reached without a network."""
        return self.host.startswith(("/", "@"))

    @property
    def is_loopback(self) -> bool:
        """Whether what is said to it stays on this machine, so that it need not be encrypted."""
        if self.is_socket or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        """As a person writes it down and as settings keep it: without a password."""
        user, database = quote(self.user, safe=""), quote(self.database, safe="")
        if self.is_socket:
            return f"{TEAM_SCHEME}://{user}@/{database}?{urlencode({'host': self.host, 'port': self.port})}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{TEAM_SCHEME}://{user}@{host}:{self.port}/{database}"


def parse_team_url(url: str) -> tuple[TeamPlace, str | None]:
    """The place that a team's address names, and the password if one stood in it. Raises InvalidInput, which repeats
    nothing of what was typed, since that may hold the password."""
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        raise _not_an_address() from None
    asked = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair)
    host = unquote(asked.pop("host", host))
    given = asked.pop("port", "")
    database, user = unquote(parts.path.lstrip("/")), unquote(parts.username or "")
    is_whole = parts.scheme in _SPELLINGS and host and database and user and "/" not in database
    if not is_whole or asked or parts.fragment or (given and not given.isascii()) or (given and not given.isdigit()):
        raise _not_an_address()
    password = unquote(parts.password) if parts.password else None
    return TeamPlace(host, int(given) if given else port or DEFAULT_PORT, database, user), password


def _not_an_address() -> InvalidInput:
    return InvalidInput(
        "Not a team’s address", f"Write it like {TEAM_SCHEME}://ann@db.example.com:5432/bursar, as its lead sent it."
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that asks to be held in the team's caps. `excused` are the windows that the meter was told it may pass;
    the team's ledger believes that only of those it has a lead's answer for itself."""

    draft: Draft
    instance_id: str
    excused: frozenset[CapWindow] = frozenset()


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over. `charged_nano_usd` is what its caps carry, `state` how that is known. `lease_ids` are the
    leases it was held against while the team's ledger could not be reached."""

    call: Call
    charged_nano_usd: int
    state: ReservationState
    lease_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """Money of one cap's window that one meter holds in advance: what is left of it, in nano-dollars, and when the
    window ends (None: never). `member` and `instance_id` say whose it is."""

    lease_id: str
    cap_id: str
    window_key: str
    amount_nano_usd: int
    ends_at: datetime | None
    member: str = ""
    instance_id: str = ""
    taken_at: datetime | None = None

    @property
    def window(self) -> CapWindow:
        """The window it is held in."""
        return self.cap_id, self.window_key


@dataclass(frozen=True, slots=True)
class HeldCalls:
    """What one meter's calls on their way hold in the team's caps: how many, the money in nano-dollars, and when the
    first and the last of them asked."""

    member: str
    instance_id: str
    calls: int
    held_nano_usd: int
    since: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class TeamCap:
    """A cap of a team, and the name that people know it by."""

    cap: Cap
    name: str


@dataclass(frozen=True, slots=True)
class WindowTotal:
    """A running window of a team's cap. Amounts in nano-dollars; `limit_nano_usd` with the raises that are in force,
    `leased_nano_usd` is the part of `held_nano_usd` that laptops hold in advance."""

    cap_id: str
    window_key: str
    starts_at: datetime | None
    ends_at: datetime | None
    spent_nano_usd: int
    held_nano_usd: int
    leased_nano_usd: int
    limit_nano_usd: int
    unpriced_calls: int


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs, or who did until `ended_at`."""

    name: str
    role: Role
    joined_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TeamSpend:
    """What one member's calls, of one project and agent, came to on one day. `member` is empty in a team's sum."""

    day: str
    member: str
    project: str
    agent: str
    calls: int
    cost_nano_usd: int
    unpriced_calls: int
