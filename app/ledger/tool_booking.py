"""Writing down the tools that a call asked for, and the results that it carried.

A result is tied to its tool call by the provider's id of it, within the same virtual key; where a dialect has no ids,
or an agent makes its own up, by name and order to the newest answer of the same session that waits for such a result.
Each is booked once: an agent that sends its whole history brings the same result with every request, and only the first
finds a tool call that waits. A call that the provider turned away took its results to no model: they are booked with
the next one that brings them. Whatever the meter remembered is gone when it is started again, so all of this is asked
of the ledger.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, literal_column, select, update

from app.core.call import Call
from app.core.tool_call import ToolOutcome, ToolResult, ToolUse, clean_tool_name, is_plain_identifier
from app.ledger.beside import beside_the_call
from app.ledger.engine import Ledger
from app.ledger.fingerprint_key import fingerprint_key, keyed
from app.ledger.rows import payer_columns
from app.ledger.statement import Statement, insertion
from app.ledger.tool_tables import tool_calls

MAX_OF_A_CALL = 256
"""Tool calls and results of one call beyond these are not booked: no model measured comes near."""

_T = tool_calls.c
_WAITS = _T.result_call_id == literal_column("''")
"""Written out, since the index of those that wait is used only where the statement itself says so."""
_WAITING = select(_T.row_id, _T.call_id, _T.provider_id, _T.name, _T.asked_at, _T.is_hosted).where(
    _T.virtual_key_id == bindparam("of_key"), _WAITS
)
_BY_ID = Statement(
    _WAITING.where(_T.provider_id.in_(select(func.json_each(bindparam("ids")).table_valued("value").c.value)))
)
_BY_NAME = Statement(
    _WAITING.where(_T.session == bindparam("of_session"), _T.name == bindparam("of_name"))
    .order_by(_T.row_id.desc())
    .limit(MAX_OF_A_CALL)
)
_ANSWER = Statement(
    update(tool_calls)
    .where(_T.row_id == bindparam("of_row"), _WAITS)
    .values(
        outcome=bindparam("as_outcome"),
        result_call_id=bindparam("by_call"),
        result_bytes=bindparam("of_bytes"),
        latency_ms=bindparam("after_ms"),
        result_fingerprint=bindparam("of_result"),
    )
)
_SAME_BEFORE = Statement(
    select(_T.outcome)
    .where(
        _T.session == bindparam("of_session"),
        _T.name == bindparam("of_name"),
        _T.fingerprint == bindparam("of_arguments"),
        _T.virtual_key_id == bindparam("of_key"),
    )
    .order_by(_T.row_id.desc())
    .limit(1)
)
_WRITE = Statement(insert(tool_calls), insertion(tool_calls))


@dataclass(frozen=True, slots=True)
class ToolNews:
    """What one exchange told of tools: `results` that its request carried, `uses` that its answer asked for, and
    `hosted_results` that stood in the answer. `ended_at` is when the answer had ended."""

    results: tuple[ToolResult, ...]
    uses: tuple[ToolUse, ...]
    hosted_results: tuple[ToolResult, ...]
    ended_at: datetime

    def __bool__(self) -> bool:
        return bool(self.results or self.uses or self.hosted_results)


def book_tools(ledger: Ledger, connection: Connection, call: Call, news: ToolNews) -> None:
    """Write down what a call told of tools, in the transaction that writes the call. What goes wrong with tools alone
    is logged and takes nothing with it: a call is settled whatever it said."""
    if not news:
        return
    with beside_the_call(connection, "the tools of a call"):
        key = fingerprint_key(ledger)
        _book_results(connection, key, call, news.results)
        _write_uses(connection, key, call, news)
        _book_results(connection, key, call, news.hosted_results, is_within=True)


def _write_uses(connection: Connection, key: bytes, call: Call, news: ToolNews) -> None:
    rows = [_row(key, call, position, use, news.ended_at) for position, use in enumerate(news.uses[:MAX_OF_A_CALL])]
    for row in rows:
        asked = {"of_session": row["session"], "of_name": row["name"], "of_key": row["virtual_key_id"]}
        before = _SAME_BEFORE.value(connection, asked | {"of_arguments": row["fingerprint"]})
        row["is_retry"] = before == ToolOutcome.FAILED
    if rows:
        _WRITE.run_many(connection, rows)


def _row(key: bytes, call: Call, position: int, use: ToolUse, ended_at: datetime) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "position": position,
        "name": clean_tool_name(use.name),
        "server": clean_tool_name(use.server),
        "provider_id": _stored_id(key, use.provider_id),
        "fingerprint": keyed(key, use.digest),
        "argument_bytes": use.argument_bytes,
        "asked_at": ended_at,
        "is_hosted": use.is_hosted,
        "outcome": ToolOutcome.UNKNOWN,
        "result_call_id": "",
        "result_bytes": None,
        "latency_ms": None,
        "result_fingerprint": "",
        **payer_columns(call.tags),
    }


def _book_results(
    connection: Connection, key: bytes, call: Call, results: Sequence[ToolResult], *, is_within: bool = False
) -> None:
    """Tie results to the tool calls that wait for them. `is_within`: they stood in the answer of `call`."""
    results = results[:MAX_OF_A_CALL]
    ids = {_stored_id(key, result.provider_id) for result in results} - {""}
    by_id = _waiting(connection, call, _BY_ID, ids=json.dumps(sorted(ids))) if ids else []
    waiting = {row["provider_id"]: row for row in sorted(by_id, key=lambda row: int(row["row_id"]))}
    answers: list[dict[str, Any]] = []
    nameless: list[ToolResult] = []
    for result in results:
        row = waiting.pop(_stored_id(key, result.provider_id), None) if result.provider_id else None
        if row is None:
            nameless.append(result)
        else:
            answers.append(_answer(key, call, row, result, is_within=is_within))
    if answers:
        _ANSWER.run_many(connection, answers)
    for result in nameless:
        if (row := _next_by_name(connection, call, result)) is not None:
            _ANSWER.run(connection, _answer(key, call, row, result, is_within=is_within))


def _next_by_name(connection: Connection, call: Call, result: ToolResult) -> Any:
    """The first that waits for a result of this name in the newest answer that asked for it. A result with an id goes
    to none that has another."""
    name = clean_tool_name(result.name)
    if not name:
        return None
    rows = _waiting(connection, call, _BY_NAME, of_session=call.tags.session, of_name=name)
    fitting = [row for row in rows if not (result.provider_id and row["provider_id"])]
    newest = [row for row in fitting if row["call_id"] == fitting[0]["call_id"]]
    return newest[-1] if newest else None


def _waiting(connection: Connection, call: Call, statement: Statement, **values: Any) -> Sequence[Any]:
    return statement.mappings(connection, {"of_key": call.tags.virtual_key_id} | values)


def _answer(key: bytes, call: Call, row: Any, result: ToolResult, *, is_within: bool) -> dict[str, Any]:
    """What ties a result to the row of its tool call."""
    passed = (call.started_at - row["asked_at"]) // timedelta(milliseconds=1)
    return {
        "of_row": row["row_id"],
        "as_outcome": result.outcome,
        "by_call": call.call_id,
        "of_bytes": result.result_bytes,
        "after_ms": None if is_within or row["is_hosted"] else max(0, passed),
        "of_result": keyed(key, result.digest) if result.digest else "",
    }


def _stored_id(key: bytes, provider_id: str) -> str:
    """The provider's id as it came; hashed where it is none and could be any text."""
    if not provider_id or is_plain_identifier(provider_id):
        return provider_id
    return "#" + keyed(key, provider_id.encode("utf-8", "surrogatepass"))
