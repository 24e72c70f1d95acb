"""Calls of the past: what agents' own logs tell of them, what providers say a day cost, and a call as a cap sees it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from app.core.call import Call
from app.core.caps import Payer


class LogSource(StrEnum):
    """Whose log a call was read from. The value is what a person types."""

    CLAUDE_CODE = "claude-code"
    CODEX = "codex"
    GEMINI = "gemini"
    OPENCODE = "opencode"


class BillSource(StrEnum):
    """Whose export an amount was read from; the value is the provider's name in the ledger."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    OPENROUTER = "openrouter"


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """A call as an agent's log tells it. `call.call_id` is its identity in that log, not one minted here."""

    source: LogSource
    call: Call


@dataclass(frozen=True, slots=True)
class BilledAmount:
    """What a provider says one thing cost on one UTC day, in nano-dollars. Credits make it negative."""

    provider: str
    day: date
    item: str
    amount_nano_usd: int


@dataclass(frozen=True, slots=True)
class CostedCall:
    """A call as far as a cap looks at it. `at` is aware; the cost is None when it is not known."""

    call_id: str
    at: datetime
    payer: Payer
    cost_nano_usd: int | None
