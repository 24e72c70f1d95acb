"""Words that several tables have for calls and times, and the columns of calls that wait."""

from datetime import datetime
from zoneinfo import ZoneInfo

from app.core.call import Basis, Call, Outcome
from app.core.money import UNKNOWN, format_usd
from app.core.tags import Billing
from app.desktop.formats import (
    absolute_time,
    cost_text,
    elapsed,
    relative_phrase,
    relative_time,
)
from app.desktop.models.rows import Column
from app.ledger.approval_store import Approval

BASIS_WORDS = {
    Basis.REPORTED: "As the provider reported it.",
    Basis.TABLE: "From the price table.",
    Basis.ESTIMATED: "Estimated: the provider did not tell the usage.",
    Basis.UNPRICED: "No price is known for this model.",
}


class Clock:
    """The moment and zone that times are told by. The owner sets `now` before each repaint."""

    def __init__(self, now: datetime, zone: ZoneInfo) -> None:
        self.now = now
        self.zone = zone

    def ago(self, then: datetime | None) -> str:
        """How long ago; a dash for never."""
        return UNKNOWN if then is None else relative_time(then, self.now, self.zone)

    def phrase(self, then: datetime) -> str:
        """How long ago, as it stands in a sentence."""
        return relative_phrase(then, self.now, self.zone)

    def exactly(self, then: datetime | None) -> str:
        """The absolute time with its zone."""
        return "Never" if then is None else absolute_time(then, self.zone)


def call_state(call: Call) -> str:
    """How a call ended, in a word."""
    if call.outcome is Outcome.FAILED:
        return f"Failed {call.status_code}" if call.status_code else "Failed"
    return {Outcome.COMPLETED: "Done", Outcome.INTERRUPTED: "Cut short", Outcome.REFUSED: "Refused"}[call.outcome]


def waiting_columns(clock: Clock) -> list[Column[Approval]]:
    """The calls of one session that wait."""
    return [
        Column("Waiting", lambda ask: elapsed(clock.now - ask.asked_at), hint=lambda ask: clock.exactly(ask.asked_at)),
        Column("Model", lambda ask: ask.model, ink="text", hint=lambda ask: ask.model),
        Column("Task", lambda ask: ask.tags.task or UNKNOWN, grows=True, hint=lambda ask: ask.tags.task),
        Column("Up to", lambda ask: format_usd(ask.worst_nano_usd), is_amount=True, ink="text", is_strong=True),
    ]


def call_part(call: Call) -> str:
    """Which part of the agent made the call; empty for its main conversation."""
    origin = call.origin
    told = (origin.word, origin.kind, origin.agent_id, origin.parent_id and f"started by {origin.parent_id}")
    return ", ".join(part for part in dict.fromkeys(told) if part)


def spoken_cost(call: Call) -> str:
    """A call's cost as it is read out."""
    if call.cost_nano_usd is None:
        return "price unknown"
    covered = "" if call.billing is Billing.API else " at list price, paid by a subscription"
    return cost_text(call) + covered
