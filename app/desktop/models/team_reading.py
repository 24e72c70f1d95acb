"""What the team's ledger said when it answered last: its caps, who waits, and what is to be told of them."""

from dataclasses import dataclass, field
from datetime import datetime

from app.core.team import Role
from app.ledger.alert_store import Alert
from app.ledger.approval_store import Approval
from app.ledger.cap_store import CapStatus


@dataclass(frozen=True, slots=True)
class TeamReading:
    """One reading of the team's ledger. `name` is the team's, empty where none was joined; `role` is None until it
    answered once. `caps` are tightest first. `waiting` are all questions for a lead, and the own ones for a member.
    While it `is_away`, the caps stand as they were at `read_at`, and nobody is known to wait."""

    name: str = ""
    role: Role | None = None
    caps: tuple[CapStatus, ...] = ()
    waiting: tuple[Approval, ...] = ()
    is_away: bool = False
    read_at: datetime | None = field(default=None, compare=False)

    @property
    def is_led(self) -> bool:
        """Whether whoever sits here sets its caps and answers for it."""
        return self.role is Role.LEAD

    @property
    def to_answer(self) -> tuple[Approval, ...]:
        """The questions that are answered here."""
        return self.waiting if self.is_led else ()

    @property
    def for_leads(self) -> tuple[Approval, ...]:
        """The own calls that a lead answers somewhere else."""
        return () if self.is_led else self.waiting


@dataclass(frozen=True, slots=True)
class TeamAlerts:
    """Alerts of a team's caps that this laptop was not told yet. `until` is the id of the newest that need not be told
    again, `url` the place in the team that they were read from."""

    team: str
    url: str
    until: int
    alerts: tuple[Alert, ...] = ()


NO_TEAM = TeamReading()
