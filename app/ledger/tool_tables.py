"""Rows about tool calls."""

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field

from app.ledger.tables import PayerColumns, instant, money, table_of

_OPEN = text("result_call_id = ''")


class ToolCallRow(PayerColumns, table=True):
    """A tool call. The payer is that of the call that asked for it, kept here too: tools are summed by it."""

    __tablename__ = "tool_calls"
    __table_args__ = (
        UniqueConstraint("call_id", "position", name="tool_calls_once"),
        Index("tool_calls_by_time", "asked_at"),
        Index("tool_calls_by_name", "name", "asked_at"),
        Index("tool_calls_by_session", "session", "name", "fingerprint"),
        Index("tool_calls_by_task", "task", sqlite_where=text("task <> ''")),
        Index("tool_calls_by_key", "virtual_key_id"),
        Index("tool_calls_by_result", "result_call_id", sqlite_where=text("result_call_id <> ''")),
        Index("tool_calls_open", "virtual_key_id", "provider_id", sqlite_where=_OPEN),
        Index("tool_calls_open_by_name", "virtual_key_id", "session", "name", sqlite_where=_OPEN),
    )
    row_id: int | None = Field(default=None, primary_key=True)
    call_id: str
    position: int
    name: str
    server: str
    provider_id: str
    fingerprint: str
    argument_bytes: int = money()
    asked_at: datetime = instant()
    is_hosted: bool
    is_retry: bool
    outcome: str
    result_call_id: str
    result_bytes: int | None = money(None)
    latency_ms: int | None = money(None)
    result_fingerprint: str = ""


tool_calls = table_of(ToolCallRow)
