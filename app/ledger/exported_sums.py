"""What all calls that were ever metered came to, by their labels: counters that only grow, for whoever watches."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from app.core.call import Basis
from app.ledger.engine import Ledger
from app.ledger.summed_calls import summed_calls
from app.ledger.tables import EPOCH
from app.ledger.tool_tables import tool_calls

LABELS = ("provider", "model", "project", "agent", "user_name", "team", "billing", "outcome")
TOKEN_CLASSES = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class LabelledSum:
    """The calls that agree in all of `labels` (values in the order of `LABELS`). Tokens in the order of
    `TOKEN_CLASSES`: cache reads and writes are parts of the input, reasoning of the output."""

    labels: tuple[str, ...]
    calls: int
    unpriced_calls: int
    cost_nano_usd: int
    tokens: tuple[int, ...]


def labelled_sums(ledger: Ledger, now: datetime) -> list[LabelledSum]:
    """Sums over all metered calls, refused ones too. Sessions and tasks are not told apart: there is no end of them."""
    names = (*LABELS, "cost_basis", "number", "cost_nano_usd", *TOKEN_CLASSES)
    one = summed_calls(names, EPOCH, now).c
    keys = [one[name] for name in LABELS]
    unpriced = func.coalesce(func.sum(one.number).filter(one.cost_basis == Basis.UNPRICED), 0)
    sums = (func.sum(one.number), unpriced, func.sum(one.cost_nano_usd), *(func.sum(one[n]) for n in TOKEN_CLASSES))
    with ledger.read() as connection:
        rows = connection.execute(select(*keys, *sums).group_by(*keys)).all()
    return [_sum_of(row) for row in rows]


def tool_call_counts(ledger: Ledger) -> list[tuple[str, str, str, int]]:
    """Tool, MCP server, outcome and how many calls of tools there are in the ledger."""
    columns = (tool_calls.c.name, tool_calls.c.server, tool_calls.c.outcome)
    with ledger.read() as connection:
        rows = connection.execute(select(*columns, func.count()).group_by(*columns)).all()
    return [(name, server, outcome, int(count)) for name, server, outcome, count in rows]


def _sum_of(row: Any) -> LabelledSum:
    labels, (number, unpriced, cost, *tokens) = row[: len(LABELS)], row[len(LABELS) :]
    return LabelledSum(tuple(labels), int(number), int(unpriced), int(cost), tuple(map(int, tokens)))
