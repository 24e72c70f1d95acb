"""What is needed to explain a cost: sums over calls, and over those among them that something is known of."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from app.core.call_sum import Account
from app.core.tool_call import ToolOutcome
from app.ledger.call_sums import SUM_COLUMNS, call_sums, grouped_sums, task_sums
from app.ledger.engine import Ledger
from app.ledger.summed_calls import each_call, was_sent
from app.ledger.tool_tables import tool_calls

_CARRIED_WITHIN = timedelta(days=1)
"""How long after a tool was asked for a call may carry its result and still be found."""


def account_between(ledger: Ledger, start: datetime, end: datetime, *, agent: str | None = None) -> Account:
    """The calls begun in [start, end); one agent's where it is named."""
    asked = tool_calls.c.asked_at >= start - _CARRIED_WITHIN, tool_calls.c.asked_at < end
    carriers = _carriers(*asked, *(() if agent is None else (tool_calls.c.agent == agent,)))

    def condition(columns: Any) -> Any:
        began = (columns.started_at >= start) & (columns.started_at < end) & columns.call_id.in_(carriers)
        return began if agent is None else began & (columns.agent == agent)

    followed = grouped_sums(ledger, each_call(SUM_COLUMNS, condition, was_sent))
    return Account(tuple(call_sums(ledger, start, end, agent=agent)), tuple(followed))


def account_of_task(ledger: Ledger, name: str) -> Account:
    """All calls with this task label; where there are none, of the session of that name."""
    sums = task_sums(ledger, name)
    column = "task" if any(one.task.task for one in sums) else "session"
    carriers = _carriers(tool_calls.c[column] == name, tool_calls.c[column] != "")

    def condition(columns: Any) -> Any:
        return columns.call_id.in_(carriers) & (columns[column] == name)

    return Account(tuple(sums), tuple(grouped_sums(ledger, each_call(SUM_COLUMNS, condition, was_sent))))


def _carriers(*where: Any) -> Any:
    """The calls that carried a failure of these tools back to the model. What a provider runs itself, it reads within
    the same call."""
    is_failure = tool_calls.c.outcome == ToolOutcome.FAILED, tool_calls.c.result_call_id != "", ~tool_calls.c.is_hosted
    return select(tool_calls.c.result_call_id).where(*where, *is_failure)
