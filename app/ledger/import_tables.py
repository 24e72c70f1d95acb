"""Rows about calls that were not metered, and the indexes that find their metered twins."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, text
from sqlmodel import Field, SQLModel

from app.ledger.tables import Instant, OriginColumns, PayerColumns, calls


def _count() -> Any:
    return Field(default=None, sa_type=BigInteger)


class ImportedCallRow(PayerColumns, OriginColumns, table=True):
    """A call out of an agent's log. `wire_call_id` names the metered call that it is, empty where there is none."""

    __tablename__ = "imported_calls"
    __table_args__ = (
        Index("imported_calls_by_time", "started_at"),
        Index("imported_calls_by_session", "session"),
        Index("imported_calls_unlinked", "response_id", sqlite_where=text("wire_call_id = ''")),
        Index("imported_calls_by_twin", "wire_call_id", sqlite_where=text("wire_call_id <> ''")),
    )
    call_id: str = Field(primary_key=True)
    source: str
    wire_call_id: str = ""
    started_at: datetime = Field(sa_column=Column(Instant, nullable=False))
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
    input_tokens: int | None = _count()
    output_tokens: int | None = _count()
    cache_read_tokens: int | None = _count()
    cache_write_tokens: int | None = _count()
    cache_write_1h_tokens: int | None = _count()
    reasoning_tokens: int | None = _count()
    input_audio_tokens: int | None = _count()
    cache_audio_read_tokens: int | None = _count()
    output_audio_tokens: int | None = _count()
    web_searches: int | None = _count()
    reported_cost_nano_usd: int | None = _count()
    cost_nano_usd: int | None = _count()
    cost_basis: str
    price_version: str


class BilledAmountRow(SQLModel, table=True):
    """What a provider's export says one thing cost on one day. `day` is an ISO date in UTC."""

    __tablename__ = "billed_amounts"
    provider: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    item: str = Field(primary_key=True)
    amount_nano_usd: int = Field(sa_type=BigInteger)


imported_calls = SQLModel.metadata.tables["imported_calls"]
billed_amounts = SQLModel.metadata.tables["billed_amounts"]

Index("calls_by_response", calls.c.response_id, sqlite_where=text("response_id <> ''"))
Index("calls_by_task", calls.c.task, calls.c.started_at, sqlite_where=text("task <> ''"))
