"""The columns of the tables of calls: those that were made, and those that wait."""

from datetime import datetime
from zoneinfo import ZoneInfo

from app.core.call import Basis, Call, Outcome
from app.core.money import UNKNOWN, format_usd
from app.core.tags import Billing
from app.desktop.formats import (
    absolute_time,
    cost_text,
    elapsed,
    milliseconds,
    relative_phrase,
    relative_time,
    token_count,
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


def call_columns(clock: Clock) -> list[Column[Call]]:
    """Calls, newest first."""
    return [
        Column("Time", lambda call: clock.ago(call.started_at), hint=lambda call: clock.exactly(call.started_at)),
        Column("Agent", lambda call: call.tags.agent or UNKNOWN, ink="text", is_strong=True, hint=_agent),
        Column("Part", lambda call: call.origin.word, may_vanish=True, hint=call_part),
        Column("Project", lambda call: call.tags.project or UNKNOWN, gives_way=True, hint=_project),
        Column("Task", lambda call: call.tags.task or UNKNOWN, grows=True, gives_way=True, hint=_task),
        Column("Model", lambda call: call.model, gives_way=True, hint=lambda call: f"{call.model}, {call.provider}"),
        Column("In", lambda call: token_count(call.usage.input_tokens), is_amount=True),
        Column("Cached", lambda call: token_count(call.usage.cache_read_tokens), is_amount=True),
        Column("Out", lambda call: token_count(call.usage.output_tokens), is_amount=True),
        Column(
            "Cost", cost_text, is_amount=True, ink="text", is_strong=True,
            hint=lambda call: BASIS_WORDS[call.cost_basis], spoken=spoken_cost,
        ),
        Column("ms", lambda call: milliseconds(call.duration_ms), is_amount=True),
        Column("State", call_state, hint=lambda call: call.error_type),
    ]  # fmt: skip


def waiting_columns(clock: Clock) -> list[Column[Approval]]:
    """The calls of one session that wait."""
    return [
        Column("Waiting", lambda ask: elapsed(clock.now - ask.asked_at), hint=lambda ask: clock.exactly(ask.asked_at)),
        Column("Model", lambda ask: ask.model, ink="text", hint=lambda ask: ask.model),
        Column("Task", lambda ask: ask.tags.task or UNKNOWN, grows=True, hint=lambda ask: ask.tags.task),
        Column("Up to", lambda ask: format_usd(ask.worst_nano_usd), is_amount=True, ink="text", is_strong=True),
    ]


def _agent(call: Call) -> str:
    return call.tags.agent


def call_part(call: Call) -> str:
    """Which part of the agent made the call; empty for its main conversation."""
    origin = call.origin
    told = (origin.word, origin.kind, origin.agent_id, origin.parent_id and f"started by {origin.parent_id}")
    return ", ".join(part for part in dict.fromkeys(told) if part)


def _project(call: Call) -> str:
    return call.tags.project


def _task(call: Call) -> str:
    return call.tags.task


def spoken_cost(call: Call) -> str:
    """A call's cost as it is read out."""
    if call.cost_nano_usd is None:
        return "price unknown"
    covered = "" if call.billing is Billing.API else " at list price, paid by a subscription"
    return cost_text(call) + covered
