"""What the loop detection asks of the ledger: the steps before a call, and what is usual for each agent.

After a restart a meter remembers no conversation. It reads the steps back along the chain: a call carries the results
of tools that an earlier one asked for, which carried results in its turn.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, func, literal_column, select, type_coerce

from app.core.loops import Step, Turn, is_wait
from app.core.tags import Tags
from app.core.tool_call import ToolOutcome
from app.ledger.engine import Ledger
from app.ledger.instants import QUARTER_MICROS
from app.ledger.statement import Statement
from app.ledger.summed_calls import is_agents, summed_calls, was_sent
from app.ledger.tables import calls, micros
from app.ledger.tool_tables import tool_calls

LOOKED_BACK = timedelta(days=14)
_T = tool_calls.c
_NOTHING: ColumnElement[str] = literal_column("''")
"""Written out, and put to a parameter: SQLite compares a bare one with the texts that partial indexes name, and so
prepares the statement anew each time it is run, which takes ten times as long as running it."""
_ANSWERED = Statement(
    select(_T.call_id, _T.name, _T.fingerprint, _T.outcome, _T.result_fingerprint, _T.latency_ms, calls.c.cost_nano_usd)
    .join(calls, calls.c.call_id == _T.call_id)
    .where(_T.result_call_id == bindparam("by_call").concat(_NOTHING), _T.result_call_id != _NOTHING, ~_T.is_hosted)
    .order_by(_T.row_id)
)
_LATELY = Statement(
    select(calls.c.started_at, calls.c.cost_nano_usd)
    .where(
        calls.c.session == bindparam("of_session"),
        calls.c.virtual_key_id == bindparam("of_key"),
        calls.c.started_at >= bindparam("since", type_=calls.c.started_at.type),
        calls.c.cost_nano_usd > 0,
    )
    .order_by(calls.c.started_at)
)
_DAY_QUARTERS = 96


@dataclass(frozen=True, slots=True)
class AgentHistory:
    """What an agent did lately: nano-dollars spent by each of its sessions in each quarter of an hour with calls, and
    calls of each of its tasks (of its sessions, where they name none) on each day."""

    quarters_nano_usd: tuple[int, ...]
    days_calls: tuple[int, ...]


def answered_turns(connection: Connection, call_id: str) -> tuple[Turn, ...]:
    """The turns whose results a call carried: one, unless it brought late ones. Tools that a provider ran itself are
    no steps of the agent."""
    rows = _ANSWERED.rows(connection, {"by_call": call_id})
    found = []
    for asking, group in groupby(rows, key=lambda row: row.call_id):
        made = list(group)
        steps = (
            Step(
                row.name,
                row.fingerprint,
                ToolOutcome(row.outcome),
                row.result_fingerprint,
                is_wait(row.name, row.latency_ms),
            )
            for row in made
        )
        found.append(Turn(asking, tuple(steps), made[0].cost_nano_usd))
    return tuple(found)


def turns_before(connection: Connection, call_id: str, most: int) -> list[Turn]:
    """The turns of a call's conversation whose results were known when it was made, oldest first, at most so many."""
    found: list[Turn] = []
    asking = call_id
    while asking and len(found) < most:
        turns = answered_turns(connection, asking)
        asking = turns[0].call_id if turns else ""
        found[:0] = turns
    return found[-most:]


def spent_lately(connection: Connection, tags: Tags, since: datetime) -> Sequence[tuple[datetime, int]]:
    """When a session's calls since then began, and what each cost; those without a cost are left out."""
    asked = {"of_session": tags.session, "of_key": tags.virtual_key_id, "since": since}
    return [(row.started_at, row.cost_nano_usd) for row in _LATELY.rows(connection, asked)]


def calls_since(connection: Connection, tags: Tags, since: datetime) -> int:
    """How many calls of a task were sent since then; of the session, where it names none."""
    label = calls.c.task == tags.task if tags.task else calls.c.session == tags.session
    columns = (calls.c.project == tags.project, is_agents(calls.c, tags.agent), was_sent(calls.c))
    counted = select(func.count()).select_from(calls).where(label, calls.c.started_at >= since, *columns)
    return connection.execute(counted).scalar_one()


def agent_histories(ledger: Ledger, now: datetime) -> dict[str, AgentHistory]:
    """What each agent did in the last two weeks. Reads for some tenths of a second where there is much."""
    names = ("agent", "project", "task", "session", "quarter", "number", "cost_nano_usd")
    columns = summed_calls(names, now - LOOKED_BACK, now, was_sent).c
    keys = (columns.agent, columns.project, columns.task, columns.session, type_coerce(columns.quarter, BigInteger))
    summed = select(*keys, func.sum(columns.number), func.sum(columns.cost_nano_usd)).group_by(*keys)
    quarters: dict[str, list[int]] = defaultdict(list)
    days: dict[tuple[str, str, str, int], int] = defaultdict(int)
    running = micros(now) // QUARTER_MICROS
    with ledger.read() as connection:
        for agent, project, task, session, quarter, number, cost in connection.execute(summed):
            if cost and session and quarter < running:
                quarters[agent].append(int(cost))
            if task or session:
                days[agent, project, task or session, quarter // _DAY_QUARTERS] += number
    counts: dict[str, list[int]] = defaultdict(list)
    for (agent, _project, _label, day), number in days.items():
        if day < running // _DAY_QUARTERS:
            counts[agent].append(number)
    return {agent: AgentHistory(tuple(quarters[agent]), tuple(counts[agent])) for agent in {*quarters, *counts}}
