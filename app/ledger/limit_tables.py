"""Rows about how limits are kept: raises, leave for a session, stops, dry runs, and the line of calls that wait."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.ledger.tables import PayerColumns, instant, money, table_of


class RaiseRow(SQLModel, table=True):
    """An amount that one window may spend on top of its cap's limit, until an instant or until the window ends."""

    __tablename__ = "raises"
    __table_args__ = (Index("raises_running", "until", sqlite_where=text("ended_at IS NULL")),)
    raise_id: str = Field(primary_key=True)
    cap_id: str
    window_key: str
    amount_nano_usd: int = money()
    until: datetime | None = instant(nullable=True)
    made_at: datetime = instant()
    made_by: str
    ended_at: datetime | None = instant(nullable=True)


class SessionGrantRow(SQLModel, table=True):
    """That a person let a whole session pass one window of a cap."""

    __tablename__ = "session_grants"
    session: str = Field(primary_key=True)
    virtual_key_id: str = Field(primary_key=True)
    cap_id: str = Field(primary_key=True)
    window_key: str = Field(primary_key=True)
    granted_at: datetime = instant()
    granted_by: str


class StoppedSessionRow(SQLModel, table=True):
    """A session whose calls a person stopped, or with `is_pause` lets wait."""

    __tablename__ = "stopped_sessions"
    session: str = Field(primary_key=True)
    stopped_at: datetime = instant()
    stopped_by: str
    cuts_streams: bool
    is_pause: bool = False


class CutSessionRow(SQLModel, table=True):
    """A session one of whose answers was cut for want of money, so that what its agent sends again is known."""

    __tablename__ = "cut_sessions"
    session: str = Field(primary_key=True)
    virtual_key_id: str = Field(primary_key=True)
    cut_at: datetime = instant()


class ObservationRow(PayerColumns, table=True):
    """A call that a cap in dry run would have stopped."""

    __tablename__ = "observations"
    __table_args__ = (Index("observations_of_cap", "cap_id", "observation_id"),)
    observation_id: int | None = Field(default=None, primary_key=True)
    cap_id: str
    cap_name: str
    window_key: str
    call_id: str
    provider: str
    model: str
    refusal: str
    worst_nano_usd: int | None = money(None)
    spent_nano_usd: int = money()
    limit_nano_usd: int = money()
    seen_at: datetime = instant()


class AdviceRow(SQLModel, table=True):
    """What a person said to a suggestion, and what a week of it cost then."""

    __tablename__ = "advice"
    kind: str = Field(primary_key=True)
    project: str = Field(primary_key=True)
    answer: str
    weekly_nano_usd: int = money()
    answered_at: datetime = instant()
    answered_by: str


class LineRow(SQLModel, table=True):
    """A call that waits for money others hold. The lower `place` goes first; `ticket` never repeats."""

    __tablename__ = "line"
    ticket: int | None = Field(default=None, primary_key=True)
    call_id: str = Field(unique=True)
    instance_id: str
    share_key: str
    place: int = money()
    expires_at: datetime = instant()


class LineWindowRow(SQLModel, table=True):
    """Which windows a call in line lacks room in."""

    __tablename__ = "line_windows"
    cap_id: str = Field(primary_key=True)
    window_key: str = Field(primary_key=True)
    call_id: str = Field(primary_key=True)


raises = table_of(RaiseRow)
session_grants = table_of(SessionGrantRow)
stopped_sessions = table_of(StoppedSessionRow)
cut_sessions = table_of(CutSessionRow)
advice = table_of(AdviceRow)
observations = table_of(ObservationRow)
line = table_of(LineRow)
line_windows = table_of(LineWindowRow)
