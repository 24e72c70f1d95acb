"""Reading tool calls, and their sums by tool.

The calls that carried failures back to the model are counted at list price, whoever paid for them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from app.core.tool_call import ToolCall, ToolOutcome, ToolSum, ToolSums
from app.ledger.engine import Ledger
from app.ledger.tables import calls
from app.ledger.tool_tables import tool_calls

_T = tool_calls.c
_FAILED = _T.outcome == ToolOutcome.FAILED
_UNKNOWN = _T.outcome == ToolOutcome.UNKNOWN
CARRIED = (_FAILED, _T.result_call_id != "", ~_T.is_hosted)
"""That a failure was carried back to the model by a call. What a provider runs itself it reads within the same call."""
_TOTAL = "All"


def tools_of_call(ledger: Ledger, call_id: str) -> tuple[ToolCall, ...]:
    """The tools that the answer to a call asked for, in its order."""
    return _read(ledger, select(tool_calls).where(_T.call_id == call_id).order_by(_T.position))


def tool_sums(
    ledger: Ledger, start: datetime, end: datetime, *, project: str = "", agent: str = "", session: str = ""
) -> ToolSums:
    """Sums of the tools asked for in [start, end); of one project, agent or session alone where it is named."""
    wanted = ((_T.project, project), (_T.agent, agent), (_T.session, session))
    named = [column == value for column, value in wanted if value]
    return _sums(ledger, _T.asked_at >= start, _T.asked_at < end, *named)


def task_tool_sums(ledger: Ledger, name: str) -> ToolSums:
    """Sums of the tools asked for under this task label; where there are none, in the session of that name."""
    found = _sums(ledger, _T.task == name, _T.task != "")
    return found if found.tools else _sums(ledger, _T.session == name, _T.session != "")


def key_tool_sums(ledger: Ledger, key_id: str) -> ToolSums:
    """Sums of all tools asked for by calls made with one virtual key: what a receipt tells."""
    return _sums(ledger, _T.virtual_key_id == key_id)


def _read(ledger: Ledger, statement: Select[Any]) -> tuple[ToolCall, ...]:
    with ledger.read() as connection:
        return tuple(tool_call_of(row) for row in connection.execute(statement).mappings())


def tool_call_of(row: Any) -> ToolCall:
    """A tool call, read back."""
    return ToolCall(
        call_id=row["call_id"],
        position=row["position"],
        name=row["name"],
        server=row["server"],
        provider_id=row["provider_id"],
        fingerprint=row["fingerprint"],
        argument_bytes=row["argument_bytes"],
        asked_at=row["asked_at"],
        is_hosted=row["is_hosted"],
        is_retry=row["is_retry"],
        outcome=ToolOutcome(row["outcome"]),
        result_call_id=row["result_call_id"],
        result_bytes=row["result_bytes"],
        latency_ms=row["latency_ms"],
    )


def _sums(ledger: Ledger, *where: ColumnElement[bool]) -> ToolSums:
    grouped = select(_T.name, _T.server, *_measures()).where(*where).group_by(_T.name, _T.server)
    with ledger.read() as connection:
        rows = connection.execute(grouped).mappings().all()
        followed = _followed(connection, where) if any(row["failed"] for row in rows) else {}
        whole = _followed_at_all(connection, where) if followed else (0, 0)
    tools = []
    for row in rows:
        cost, unpriced = followed.get((row["name"], row["server"]), (0, 0))
        tools.append(ToolSum(**row, followed_nano_usd=cost, followed_unpriced=unpriced))
    ordered = sorted(tools, key=lambda tool: (-tool.failed, -tool.calls, tool.name, tool.server))
    return ToolSums(tuple(ordered), _total(ordered, *whole))


def _measures() -> list[Any]:
    return [
        func.count().label("calls"),
        func.count().filter(_FAILED).label("failed"),
        func.count().filter(_UNKNOWN).label("unknown"),
        func.count().filter(_T.result_call_id == "").label("unanswered"),
        func.count().filter(_T.is_retry).label("retries"),
    ]


def _total(tools: list[ToolSum], followed_nano_usd: int, followed_unpriced: int) -> ToolSum:
    counts = {
        name: sum(getattr(tool, name) for tool in tools)
        for name in ("calls", "failed", "unknown", "unanswered", "retries")
    }
    return ToolSum(_TOTAL, "", **counts, followed_nano_usd=followed_nano_usd, followed_unpriced=followed_unpriced)


def _carried(where: tuple[ColumnElement[bool], ...], *columns: Any) -> Any:
    """The calls that carried a failure to the model, each once for `columns`."""
    failures = select(*columns, _T.result_call_id).where(*where, *CARRIED)
    return failures.distinct().subquery("carried")


def _cost() -> list[Any]:
    return [
        func.coalesce(func.sum(calls.c.cost_nano_usd), 0).label("cost"),
        func.count().filter(calls.c.cost_nano_usd.is_(None)).label("unpriced"),
    ]


def _followed(connection: Connection, where: tuple[ColumnElement[bool], ...]) -> dict[tuple[str, str], tuple[int, int]]:
    carried = _carried(where, _T.name, _T.server)
    joined = carried.join(calls, calls.c.call_id == carried.c.result_call_id)
    grouped = select(carried.c.name, carried.c.server, *_cost()).select_from(joined)
    rows = connection.execute(grouped.group_by(carried.c.name, carried.c.server))
    return {(row.name, row.server): (int(row.cost), row.unpriced) for row in rows}


def _followed_at_all(connection: Connection, where: tuple[ColumnElement[bool], ...]) -> tuple[int, int]:
    carried = _carried(where)
    joined = carried.join(calls, calls.c.call_id == carried.c.result_call_id)
    row = connection.execute(select(*_cost()).select_from(joined)).one()
    return int(row.cost), row.unpriced
