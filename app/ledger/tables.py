"""The rows of the ledger. Values leave this package as frozen dataclasses, never as rows.

`user` and `window` are words of SQL, so those columns are named `user_name` and `window_kind`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column, Dialect, Index, Table, TypeDecorator, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.ledger.instants import EPOCH as EPOCH
from app.ledger.instants import instant_of
from app.ledger.instants import micros as micros


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole microseconds so that it sorts, subtracts and indexes as a number."""

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, _dialect: Dialect) -> Any:
        """To the database. A naive datetime raises TypeError: which instant it means is anybody's guess."""
        return _micros_or_none

    def result_processor(self, _dialect: Dialect, _coltype: object) -> Any:
        """From the database."""
        return _instant_or_none


def _micros_or_none(value: datetime | None) -> int | None:
    return None if value is None else micros(value)


def _instant_or_none(value: int | None) -> datetime | None:
    return None if value is None else instant_of(value)


def instant(*, nullable: bool = False, index: bool = False) -> Any:
    """A column for an instant."""
    return Field(sa_column=Column(Instant, nullable=nullable, index=index), default=None if nullable else ...)


def money(default: Any = ...) -> Any:
    """A column for nano-dollars, or for a count that may be as large."""
    return Field(default=default, sa_type=BigInteger)


class PayerColumns(SQLModel):
    """Who pays, wherever a row says it."""

    project: str = ""
    agent: str = ""
    user_name: str = ""
    team: str = ""
    task: str = ""
    session: str = ""
    virtual_key_id: str = ""


class OriginColumns(SQLModel):
    """Which part of an agent asked, wherever a row says it."""

    request_class: str = "main"
    agent_id: str = ""
    parent_agent_id: str = ""
    agent_kind: str = ""


class CallRow(PayerColumns, OriginColumns, table=True):
    """One call. `charged_nano_usd` is what caps carry: its cost, or the worst case while the truth is unknown."""

    __tablename__ = "calls"
    __table_args__ = (
        Index("calls_by_session", "session", "started_at"),
        Index("calls_by_model", "agent", "request_model", "row_id"),
    )
    row_id: int | None = Field(default=None, primary_key=True)
    call_id: str = Field(unique=True)
    started_at: datetime = Field(sa_column=Column(Instant, nullable=False, index=True))
    provider: str
    api_shape: str
    operation: str
    request_model: str
    response_model: str
    response_id: str
    is_stream: bool
    outcome: str
    status_code: int | None
    error_type: str
    duration_ms: int | None
    time_to_first_chunk_ms: int | None
    input_tokens: int | None = money(None)
    output_tokens: int | None = money(None)
    cache_read_tokens: int | None = money(None)
    cache_write_tokens: int | None = money(None)
    cache_write_1h_tokens: int | None = money(None)
    reasoning_tokens: int | None = money(None)
    input_audio_tokens: int | None = money(None)
    cache_audio_read_tokens: int | None = money(None)
    output_audio_tokens: int | None = money(None)
    web_searches: int | None = money(None)
    reported_cost_nano_usd: int | None = money(None)
    cost_nano_usd: int | None = money(None)
    charged_nano_usd: int = money()
    cost_basis: str
    price_version: str
    billing: str


class CapRow(SQLModel, table=True):
    """A limit. Removed caps stay, marked, so that removal can be undone and history can name them."""

    __tablename__ = "caps"
    cap_id: str = Field(primary_key=True)
    scope: str
    scope_key: str
    window_kind: str
    limit_nano_usd: int = money()
    action: str
    alert_percents: str
    time_zone: str
    week_start: int
    created_at: datetime = instant()
    removed_at: datetime | None = instant(nullable=True)
    hold: str
    mode: str
    default_answer: str = ""
    answer_after_s: int | None = None
    counted_at: datetime | None = instant(nullable=True)
    counted_until: datetime | None = instant(nullable=True)
    counts_subscriptions: bool = False


class TotalRow(SQLModel, table=True):
    """What one window of one cap has spent and holds. Can be derived again from calls and reservations."""

    __tablename__ = "totals"
    __table_args__ = (CheckConstraint("posted_nano_usd >= 0 AND held_nano_usd >= 0", name="totals_not_negative"),)
    cap_id: str = Field(primary_key=True)
    window_key: str = Field(primary_key=True)
    starts_at: datetime | None = instant(nullable=True)
    ends_at: datetime | None = instant(nullable=True)
    limit_nano_usd: int = money()
    posted_nano_usd: int = money(0)
    held_nano_usd: int = money(0)
    unpriced_calls: int = 0


class ReservationRow(PayerColumns, OriginColumns, table=True):
    """Money held for one call, with all that is needed to write the call should the meter die before its answer.

    `held_nano_usd` is what its windows hold; `worst_nano_usd` is the most it can cost, which may be more.
    """

    __tablename__ = "reservations"
    __table_args__ = (Index("reservations_held", "state", "instance_id"),)
    call_id: str = Field(primary_key=True)
    instance_id: str
    state: str
    worst_nano_usd: int | None = money(None)
    reserved_at: datetime = instant()
    provider: str
    api_shape: str
    operation: str
    request_model: str
    is_stream: bool
    held_nano_usd: int = money()
    billing: str
    is_of_team: bool = False


class HoldRow(SQLModel, table=True):
    """Which windows a reservation is held in: remembered, so that settling after midnight lands in the right one."""

    __tablename__ = "holds"
    call_id: str = Field(primary_key=True)
    cap_id: str = Field(primary_key=True)
    window_key: str = Field(primary_key=True)


class ApprovalRow(PayerColumns, table=True):
    """A question to a person, and the answer."""

    __tablename__ = "approvals"
    approval_id: str = Field(primary_key=True)
    call_id: str
    instance_id: str
    provider: str
    model: str
    cap_id: str
    cap_name: str
    window_key: str
    worst_nano_usd: int | None = money(None)
    spent_nano_usd: int = money()
    limit_nano_usd: int = money()
    asked_at: datetime = instant()
    expires_at: datetime = instant()
    state: str = Field(index=True)
    answered_at: datetime | None = instant(nullable=True)
    answered_by: str = ""
    default_answer: str = ""
    default_at: datetime | None = instant(nullable=True)


class AlertRow(SQLModel, table=True):
    """An alert level that was passed: one row for each cap, window and level, so each is told once."""

    __tablename__ = "alerts"
    __table_args__ = (UniqueConstraint("cap_id", "window_key", "percent", name="alerts_told_once"),)
    alert_id: int | None = Field(default=None, primary_key=True)
    cap_id: str
    cap_name: str
    window_key: str
    percent: int
    spent_nano_usd: int = money()
    limit_nano_usd: int = money()
    told_at: datetime = instant()


class InstanceRow(SQLModel, table=True):
    """A running meter. Whether it lives is told by its file lock, never by this row."""

    __tablename__ = "instances"
    instance_id: str = Field(primary_key=True)
    pid: int
    gateway_url: str
    forward_url: str
    started_at: datetime = instant()
    stop_requested_at: datetime | None = instant(nullable=True)
    stopped_at: datetime | None = instant(nullable=True)


class SwitchRow(SQLModel, table=True):
    """A switch a person set for everything, such as `paused`."""

    __tablename__ = "switches"
    name: str = Field(primary_key=True)
    is_on: bool
    changed_at: datetime = instant()
    changed_by: str
    cuts_streams: bool = False


class PriceOverrideRow(SQLModel, table=True):
    """A price that a person set. `rates` is JSON, class to dollars as text; removed ones stay, marked."""

    __tablename__ = "price_overrides"
    override_id: str = Field(primary_key=True)
    provider: str
    model: str
    host: str
    rates: str
    factor: str | None
    starts_at: datetime | None = instant(nullable=True)
    ends_at: datetime | None = instant(nullable=True)
    created_at: datetime = instant()
    removed_at: datetime | None = instant(nullable=True)


class PriceDataRow(SQLModel, table=True):
    """A price table that was fetched. The newest that was not undone is in force."""

    __tablename__ = "price_data"
    data_id: str = Field(primary_key=True)
    digest: str
    source: str
    fetched_at: datetime = instant()
    gzipped: bytes
    undone_at: datetime | None = instant(nullable=True)


def table_of(row: type[SQLModel]) -> Table:
    """The table of a row class, for statements."""
    return SQLModel.metadata.tables[str(row.__tablename__)]


calls = table_of(CallRow)
caps = table_of(CapRow)
totals = table_of(TotalRow)
reservations = table_of(ReservationRow)
holds = table_of(HoldRow)
approvals = table_of(ApprovalRow)
alerts = table_of(AlertRow)
instances = table_of(InstanceRow)
switches = table_of(SwitchRow)
price_overrides = table_of(PriceOverrideRow)
price_data = table_of(PriceDataRow)
