"""Everything the windows show, as it stood at one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.assurance import Assurance
from app.core.call import Call
from app.core.provider_keys import ProviderKey
from app.core.sent_input import ColdSoon
from app.desktop.models.team_reading import NO_TEAM, TeamReading
from app.ledger.approval_store import Approval
from app.ledger.cap_store import CapStatus
from app.ledger.key_store import VirtualKey
from app.ledger.loop_store import Loop
from app.ledger.meter_state import Meter
from app.ledger.spend import SessionSpend
from app.ledger.spend_sums import Spend

LATELY = timedelta(minutes=10)
"""How far back "now" reaches: for the hourly rate and for what counts as running."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One reading of the ledger. Views render from it alone.

    `caps` are tightest first, `waiting` oldest first, `calls` newest first, `sessions` busiest first (those of the last
    ten minutes). `meter` is None when none runs; `trouble` then says why, once it has been gone for two seconds.
    `stopped` and `paused` are the sessions that a person stopped and paused, `cold` those whose cache ends within two
    minutes, `assurance` is the level of the weakest key in force. `ledger_trouble` is a title and a sentence while the
    ledger cannot be read, or its disk has no room.
    `loops` are those that became worth telling in the last day, oldest first. `team` is what its ledger said; what this
    laptop answers for it stands in `waiting` as well.
    """

    read_at: datetime
    zone: ZoneInfo
    today: Spend
    month: Spend
    lately: Spend
    caps: tuple[CapStatus, ...]
    waiting: tuple[Approval, ...]
    answered: tuple[Approval, ...]
    sessions: tuple[SessionSpend, ...]
    calls: tuple[Call, ...]
    keys: tuple[VirtualKey, ...]
    provider_keys: tuple[ProviderKey, ...]
    meter: Meter | None
    is_paused: bool
    trouble: str = ""
    stopped: frozenset[str] = frozenset()
    paused: frozenset[str] = frozenset()
    cold: tuple[ColdSoon, ...] = ()
    assurance: Assurance = Assurance.COOPERATIVE
    ledger_trouble: tuple[str, str] | None = None
    loops: tuple[Loop, ...] = ()
    team: TeamReading = NO_TEAM

    @property
    def rate_nano_usd(self) -> int:
        """Spend an hour, going by the last ten minutes."""
        return self.lately.cost_nano_usd * int(timedelta(hours=1) / LATELY)

    @property
    def agents(self) -> tuple[str, ...]:
        """Agents with a call in the last ten minutes, busiest first."""
        return tuple(dict.fromkeys(session.agent for session in self.sessions))

    @property
    def held_back(self) -> tuple[Approval, ...]:
        """All calls that wait, whether they are answered here or by a lead somewhere else."""
        return (*self.waiting, *self.team.for_leads)

    @property
    def at_work(self) -> tuple[SessionSpend, ...]:
        """Sessions of the last ten minutes of which no call waits, busiest first."""
        waiting = {(ask.tags.session, ask.tags.agent) for ask in self.held_back if ask.tags.session}
        return tuple(one for one in self.sessions if (one.session, one.agent) not in waiting)

    @property
    def is_empty(self) -> bool:
        """Whether no call was ever seen."""
        return not self.calls


def agent_word(agent: str) -> str:
    """The agent's name, or what to say where none was told."""
    return agent or "Unnamed agent"
