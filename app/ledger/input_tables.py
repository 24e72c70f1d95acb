"""Rows about what calls sent again, and the last request of each conversation."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from app.ledger.tables import OriginColumns, PayerColumns, instant, money, table_of


class CallInputRow(PayerColumns, table=True):
    """The input of a call. Start and payer are the call's, kept here too: inputs are summed by them."""

    __tablename__ = "call_inputs"
    __table_args__ = (
        Index("call_inputs_by_time", "started_at"),
        Index("call_inputs_lost", "started_at", sqlite_where=text("lost_nano_usd > 0")),
        Index("call_inputs_by_session", "session", sqlite_where=text("session <> ''")),
        Index("call_inputs_by_task", "task", sqlite_where=text("task <> ''")),
        Index("call_inputs_by_key", "virtual_key_id"),
    )
    call_id: str = Field(primary_key=True)
    started_at: datetime = instant()
    input_tokens: int = money()
    resent_tokens: int = money()
    read_tokens: int = money()
    missed_tokens: int = money()
    lost_nano_usd: int | None = money(None)
    miss_cause: str
    changed_block: str
    tool_tokens: int = money()
    tool_nano_usd: int | None = money(None)
    tools_defined: int
    tool_set: str


class ToolSetRow(SQLModel, table=True):
    """The tools that calls define together: names and sizes as JSON, under a hash of that text."""

    __tablename__ = "tool_sets"
    tool_set: str = Field(primary_key=True)
    tools: str


class ConversationRow(PayerColumns, OriginColumns, table=True):
    """The last request of a conversation, for a day. The first of its calls names it."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("conversations_by_payer", "virtual_key_id", "session", "agent_id", "request_class", "sent_at"),
        Index("conversations_by_time", "sent_at"),
        Index("conversations_by_end", "cold_at", sqlite_where=text("cold_at IS NOT NULL")),
    )
    conversation_id: str = Field(primary_key=True)
    call_id: str
    sent_at: datetime = instant()
    provider: str
    model: str
    input_tokens: int = money()
    cached_tokens: int = money()
    parts: bytes
    account: bytes
    asked: str
    response_id: str
    is_chained: bool
    cold_at: datetime | None = instant(nullable=True)
    warm_nano_usd: int | None = money(None)


call_inputs = table_of(CallInputRow)
tool_sets = table_of(ToolSetRow)
conversations = table_of(ConversationRow)
