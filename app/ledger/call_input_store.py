"""What calls sent again and lost by it: written with each call, read for one call, summed by cause, session and tool.

Amounts are at list price, whoever paid for the calls.
"""

import hashlib
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from math import floor
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.call import Call
from app.core.call_input import (
    CallInput,
    CauseSum,
    ChosenCalls,
    DefinedTool,
    InputSums,
    MissCause,
    SessionLoss,
    ToolDefinition,
)
from app.ledger.engine import Ledger
from app.ledger.input_tables import call_inputs, tool_sets
from app.ledger.kept_reads import kept
from app.ledger.rows import payer_columns
from app.ledger.statement import Statement, insertion
from app.ledger.tool_tables import tool_calls

_I = call_inputs.c
_LABELS = ("project", "agent", "task", "session", "virtual_key_id")
_WRITE = Statement(insert(call_inputs), insertion(call_inputs))
_HAS_TOOLS = Statement(select(tool_sets.c.tool_set).where(tool_sets.c.tool_set == bindparam("tool_set")))
_KEEP_TOOLS = Statement(upsert(tool_sets).on_conflict_do_nothing(), insertion(tool_sets))
_LOST = func.coalesce(func.sum(_I.lost_nano_usd), 0)
_MISSED = _I.missed_tokens > 0


def write_call_input(connection: Connection, call: Call, told: CallInput) -> None:
    """Write down what was told of a call's input, within the transaction that writes the call."""
    tools = msgspec.json.encode([(tool.name, tool.size) for tool in told.tools])
    tool_set = hashlib.blake2b(tools, digest_size=12).hexdigest() if told.tools else ""
    if tool_set:
        kept_tools = {"tool_set": tool_set, "tools": tools.decode()}
        if not kept(connection, ("tools", tool_set), lambda: _HAS_TOOLS.first(connection, kept_tools) is not None):
            _KEEP_TOOLS.run(connection, kept_tools)
    values = {
        "call_id": call.call_id,
        "started_at": call.started_at,
        "input_tokens": told.input_tokens,
        "resent_tokens": told.resent_tokens,
        "read_tokens": told.read_tokens,
        "missed_tokens": told.missed_tokens,
        "lost_nano_usd": told.lost_nano_usd,
        "miss_cause": told.cause,
        "changed_block": told.changed_block,
        "tool_tokens": told.tool_tokens,
        "tool_nano_usd": told.tool_nano_usd,
        "tools_defined": told.tools_defined,
        "tool_set": tool_set,
        **payer_columns(call.tags),
    }
    _WRITE.run(connection, values)


def input_of_call(ledger: Ledger, call_id: str) -> CallInput | None:
    """What is known of a call's input; None where nothing is."""
    joined = call_inputs.outerjoin(tool_sets, tool_sets.c.tool_set == _I.tool_set)
    statement = select(call_inputs, tool_sets.c.tools).select_from(joined).where(_I.call_id == call_id)
    with ledger.read() as connection:
        row = connection.execute(statement).mappings().one_or_none()
    if row is None:
        return None
    return CallInput(
        call_id=row["call_id"],
        input_tokens=row["input_tokens"],
        resent_tokens=row["resent_tokens"],
        read_tokens=row["read_tokens"],
        missed_tokens=row["missed_tokens"],
        lost_nano_usd=row["lost_nano_usd"],
        cause=MissCause(row["miss_cause"]),
        changed_block=row["changed_block"],
        tool_tokens=row["tool_tokens"],
        tool_nano_usd=row["tool_nano_usd"],
        tools=_tools_of(row["tools"]),
    )


def calls_named(ledger: Ledger, name: str, among: ChosenCalls) -> ChosenCalls | None:
    """The calls of the task with this label among these; where there are none, of the session of that name; None where
    there are none either."""
    for chosen in (replace(among, task=name), replace(among, session=name)):
        with ledger.read() as connection:
            if connection.execute(select(_I.call_id).where(*_chosen(_I, chosen)).limit(1)).first() is not None:
                return chosen
    return None


def input_sums(ledger: Ledger, chosen: ChosenCalls) -> InputSums:
    """Sums over these calls, and by the cause of what they missed."""
    where = _chosen(_I, chosen)
    tokens = ("input_tokens", "resent_tokens", "read_tokens", "missed_tokens", "tool_tokens", "tool_nano_usd")
    sums = [func.coalesce(func.sum(_I[name]), 0).label(name) for name in tokens]
    unpriced = func.count().filter(_I.lost_nano_usd.is_(None), _MISSED).label("unpriced_calls")
    whole = select(func.count().label("calls"), *sums, _LOST.label("lost_nano_usd"), unpriced).where(*where)
    by_cause = select(
        _I.miss_cause.label("cause"),
        func.count().label("calls"),
        func.sum(_I.missed_tokens).label("missed_tokens"),
        _LOST.label("lost_nano_usd"),
    ).where(*where, _MISSED)
    with ledger.read() as connection:
        total = connection.execute(whole).mappings().one()
        causes = [_cause_of(row) for row in connection.execute(by_cause.group_by(_I.miss_cause)).mappings()]
    ordered = sorted(causes, key=lambda one: (-one.lost_nano_usd, -one.missed_tokens, one.cause))
    return InputSums(**{name: int(value) for name, value in total.items()}, causes=tuple(ordered))


def worst_sessions(ledger: Ledger, chosen: ChosenCalls, limit: int = 5) -> tuple[SessionLoss, ...]:
    """The sessions that lost most among these calls, the worst first. Calls that name no session are in none."""
    identity = (_I.session, _I.agent, _I.project, _I.task)
    by_block = (
        select(
            *identity,
            _I.miss_cause,
            _I.changed_block,
            func.count().label("calls"),
            func.sum(_I.missed_tokens).label("missed"),
            _LOST.label("lost"),
        )
        .where(*_chosen(_I, chosen), _MISSED, _I.session != "")
        .group_by(*identity, _I.miss_cause, _I.changed_block)
    )
    found: dict[tuple[str, ...], list[Any]] = {}
    with ledger.read() as connection:
        for row in connection.execute(by_block):
            found.setdefault((row.session, row.agent, row.project, row.task), []).append(row)
    losses = [_loss_of(named, rows) for named, rows in found.items()]
    losses.sort(key=lambda one: (-one.lost_nano_usd, -one.missed_tokens, one.session))
    return tuple(loss for loss in losses[:limit] if loss.lost_nano_usd)


def defined_tools(ledger: Ledger, chosen: ChosenCalls) -> tuple[DefinedTool, ...]:
    """What defining each tool came to in these calls, the dearest first, and how often it was used in them.

    A call's tokens for tools are shared among them by the bytes of their definitions.
    """
    by_set = (
        select(
            tool_sets.c.tools,
            func.count().label("calls"),
            func.sum(_I.tool_tokens).label("tokens"),
            func.coalesce(func.sum(_I.tool_nano_usd), 0).label("nano"),
        )
        .select_from(call_inputs.join(tool_sets, tool_sets.c.tool_set == _I.tool_set))
        .where(*_chosen(_I, chosen))
        .group_by(tool_sets.c.tools)
    )
    calls: Counter[str] = Counter()
    tokens: dict[str, Fraction] = {}
    nano: dict[str, Fraction] = {}
    with ledger.read() as connection:
        uses = _uses(connection, chosen)
        for row in connection.execute(by_set):
            tools = _tools_of(row.tools)
            whole = sum(tool.size for tool in tools) or 1
            for tool in tools:
                calls[tool.name] += row.calls
                tokens[tool.name] = tokens.get(tool.name, Fraction(0)) + Fraction(tool.size * row.tokens, whole)
                nano[tool.name] = nano.get(tool.name, Fraction(0)) + Fraction(tool.size * row.nano, whole)
    found = [DefinedTool(name, calls[name], floor(tokens[name]), floor(nano[name]), uses[name]) for name in calls]
    return tuple(sorted(found, key=lambda tool: (-tool.nano_usd, -tool.tokens, tool.name)))


def _uses(connection: Connection, chosen: ChosenCalls) -> Counter[str]:
    """How often each tool was used, and each MCP server."""
    columns = tool_calls.c
    used = select(columns.name, columns.server, func.count().label("uses")).where(*_chosen(columns, chosen))
    uses: Counter[str] = Counter()
    for row in connection.execute(used.group_by(columns.name, columns.server)):
        for name in {row.name, row.server} - {""}:
            uses[name] += row.uses
    return uses


def _chosen(columns: Any, chosen: ChosenCalls) -> list[Any]:
    at = columns.started_at if "started_at" in columns else columns.asked_at
    named = [columns[label] == getattr(chosen, label) for label in _LABELS if getattr(chosen, label)]
    return [at >= chosen.start, at < chosen.end, *named]


def _cause_of(row: Any) -> CauseSum:
    return CauseSum(MissCause(row["cause"]), row["calls"], int(row["missed_tokens"]), int(row["lost_nano_usd"]))


def _loss_of(named: tuple[str, ...], rows: list[Any]) -> SessionLoss:
    lost: Counter[str] = Counter()
    for row in rows:
        lost[row.miss_cause] += int(row.lost)
    first = max(lost, key=lambda cause: (lost[cause], cause))
    blocks = [row for row in rows if row.miss_cause == first]
    block = max(blocks, key=lambda row: (row.calls, row.lost, row.changed_block)).changed_block
    counts = (sum(row.calls for row in rows), sum(int(row.missed) for row in rows), sum(lost.values()))
    session, agent, project, task = named
    return SessionLoss(session, agent, project, task, *counts, MissCause(first), block)


def _tools_of(text: str | None) -> tuple[ToolDefinition, ...]:
    return tuple(ToolDefinition(name, size) for name, size in msgspec.json.decode(text)) if text else ()
