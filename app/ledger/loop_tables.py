"""Rows about agents that go round in circles."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.ledger.tables import PayerColumns, instant, money, table_of


class LoopRow(PayerColumns, table=True):
    """A loop of one conversation, once for each kind and mark. `stands`: its session's next call does not go.

    `quiet_until` is the count at which it speaks again, after a person let it go on; NULL while nobody has.
    """

    __tablename__ = "loops"
    __table_args__ = (
        UniqueConstraint("virtual_key_id", "session", "agent_id", "kind", "mark", name="loops_once"),
        Index("loops_by_time", "seen_at"),
        Index("loops_told", "told_at", sqlite_where=text("told_at IS NOT NULL")),
    )
    loop_id: str = Field(primary_key=True)
    kind: str
    mark: str
    agent_id: str
    level: str
    count: int = money()
    tools: str
    cost_nano_usd: int | None = money(None)
    usual: int = money()
    call_id: str
    found_at: datetime = instant()
    seen_at: datetime = instant()
    told_at: datetime | None = instant(nullable=True)
    stands: bool
    quiet_until: int | None = money(None)
    answered_by: str = ""


class LoopRuleRow(SQLModel, table=True):
    """The strongest that one kind of loop leads to in a project, or everywhere: an empty project."""

    __tablename__ = "loop_rules"
    project: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    level: str


loops = table_of(LoopRow)
loop_rules = table_of(LoopRuleRow)
