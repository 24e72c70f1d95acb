"""Rows of a laptop that has joined a team: what the team is still to be told, and what may be spent without it."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from app.ledger.tables import instant, money, table_of


class OutboxRow(SQLModel, table=True):
    """The end of a call that the team holds, until the team was told. `lease_ids` (with a space between) are what it
    was paid from while the team could not be asked."""

    __tablename__ = "team_outbox"
    row_id: int | None = Field(default=None, primary_key=True)
    call_id: str
    state: str
    charged_nano_usd: int = money()
    lease_ids: str


class TeamCapRow(SQLModel, table=True):
    """A cap of the team as it was when the team was last asked."""

    __tablename__ = "team_caps"
    cap_id: str = Field(primary_key=True)
    scope: str
    scope_key: str
    window_kind: str
    limit_nano_usd: int = money()
    action: str
    alert_percents: str
    time_zone: str
    week_start: int
    hold: str
    mode: str
    default_answer: str
    answer_after_s: int | None
    counts_subscriptions: bool


class TeamLeaseRow(SQLModel, table=True):
    """An amount that the team keeps for this laptop in one window of a cap."""

    __tablename__ = "team_leases"
    __table_args__ = (Index("team_leases_by_window", "cap_id", "window_key"),)
    lease_id: str = Field(primary_key=True)
    cap_id: str
    window_key: str
    amount_nano_usd: int = money()
    ends_at: datetime | None = instant(nullable=True)


class LeaseDrawRow(SQLModel, table=True):
    """What one call holds of a lease, or has taken from it, until the team was told."""

    __tablename__ = "lease_draws"
    __table_args__ = (Index("lease_draws_by_lease", "lease_id"),)
    call_id: str = Field(primary_key=True)
    lease_id: str = Field(primary_key=True)
    amount_nano_usd: int = money()


team_outbox = table_of(OutboxRow)
team_caps = table_of(TeamCapRow)
team_leases = table_of(TeamLeaseRow)
lease_draws = table_of(LeaseDrawRow)
