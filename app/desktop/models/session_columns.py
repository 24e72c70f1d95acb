"""The columns of the tables of sessions and of one session's calls."""

from app.core.call import Basis, Outcome
from app.core.money import UNKNOWN
from app.desktop.formats import cost_text, milliseconds, token_count
from app.desktop.models.columns import BASIS_WORDS, Clock, call_part, call_state, spoken_cost
from app.desktop.models.rows import Column
from app.desktop.models.session_view import SessionRow, calls_hint, cost_hint
from app.ledger.session_calls import NumberedCall

NAME, PROJECT, TOKENS = "Session", "Project", "Tokens"
_SHORT_BASIS = {
    Basis.REPORTED: "reported",
    Basis.TABLE: "table",
    Basis.ESTIMATED: "estimated",
    Basis.UNPRICED: "unpriced",
}


def session_columns(clock: Clock) -> list[Column[SessionRow]]:
    """Sessions, the newest first; the first column is drawn by its own delegate."""
    return [
        Column(NAME, lambda row: row.name, ink="text", grows=True, gives_way=True, hint=_name_hint, spoken=_spoken),
        Column(
            PROJECT, lambda row: "" if row.part else row.session.id.project or UNKNOWN, gives_way=True,
            hint=lambda row: row.session.id.project,
        ),
        Column("Calls", lambda row: f"{row.sums.calls:,}", is_amount=True, hint=lambda row: calls_hint(row.sums)),
        Column(TOKENS, lambda row: token_count(row.sums.tokens), is_amount=True),
        Column(
            "Cost", lambda row: row.cost, is_amount=True, ink="text", is_strong=True,
            ink_of=lambda row: "text_2" if row.part else "text", hint=lambda row: cost_hint(row.sums),
            spoken=lambda row: row.cost if row.sums.cost_nano_usd or not row.sums.unpriced_calls else "price unknown",
        ),
        Column(
            "Last call", lambda row: clock.ago(row.sums.last_at), is_amount=True,
            hint=lambda row: clock.exactly(row.sums.last_at),
        ),
    ]  # fmt: skip


def session_call_columns(clock: Clock) -> list[Column[NumberedCall]]:
    """The calls of one session."""
    return [
        Column("No.", lambda one: f"{one.number:,}", is_amount=True, ink="text_3"),
        Column("Time", lambda one: clock.ago(one.call.started_at), hint=lambda one: clock.exactly(one.call.started_at)),
        Column("Part", lambda one: one.call.origin.word, may_vanish=True, hint=lambda one: call_part(one.call)),
        Column(
            "Model", lambda one: one.call.model, ink="text", grows=True, gives_way=True,
            hint=lambda one: f"{one.call.model}, {one.call.provider}",
        ),
        Column("In", lambda one: token_count(one.call.usage.input_tokens), is_amount=True),
        Column("Cached", lambda one: token_count(one.call.usage.cache_read_tokens), is_amount=True),
        Column("Out", lambda one: token_count(one.call.usage.output_tokens), is_amount=True),
        Column(
            "Cost", lambda one: cost_text(one.call), is_amount=True, ink="text", is_strong=True,
            hint=lambda one: BASIS_WORDS[one.call.cost_basis], spoken=lambda one: spoken_cost(one.call),
        ),
        Column(
            "Basis", lambda one: _SHORT_BASIS[one.call.cost_basis],
            hint=lambda one: BASIS_WORDS[one.call.cost_basis],
        ),
        Column("ms", lambda one: milliseconds(one.call.duration_ms), is_amount=True),
        Column(
            "State", lambda one: "" if one.call.outcome is Outcome.COMPLETED else call_state(one.call), may_vanish=True,
            hint=lambda one: one.call.error_type,
        ),
    ]  # fmt: skip


def _name_hint(row: SessionRow) -> str:
    one = row.session.id
    return f"{row.name}, {row.kind}" + (f", session {one.session}" if one.session and not row.part else "")


def _spoken(row: SessionRow) -> str:
    of = f" of {row.session.id.name}" if row.part else ""
    fold = "" if row.is_open is None else ", folded out" if row.is_open else ", folded"
    state = "" if row.session.id.is_imported and not row.part else f", {row.state}"  # its kind says so
    return f"{row.name}, {row.kind}{of}{state}{fold}"
