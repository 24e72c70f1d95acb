"""One row of an audit, and its JSON: the fields and their null rules are what scripts rely on."""

import json
from dataclasses import dataclass
from typing import Any

from app.core.call import ApiShape, Basis
from app.core.money import MAX_CALL_NANO_USD, format_exact_usd
from app.core.tags import clean_name
from app.core.usage import Usage

NOT_TOLD = Usage()


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange, or one turn of a socket: then `turn` counts from 1.

    `cost_nano_usd` is None when unpriced. `reason` says in words what the counts do not: why a line was not metered, or
    what is doubtful about it. Names that are not known are empty here and null in JSON.
    """

    file: str
    line: int
    turn: int | None = None
    source: str = ""
    provider: str = ""
    api_shape: ApiShape | None = None
    request_model: str = ""
    response_model: str = ""
    usage: Usage = NOT_TOLD
    cost_nano_usd: int | None = None
    cost_basis: Basis = Basis.UNPRICED
    error_type: str = ""
    reason: str = ""


def as_json(row: Row, *, with_reason: bool) -> str:
    """The row on one line. `cost_usd` is a text with all its decimals, so that no reader rounds it."""
    usage, cost = row.usage, row.cost_nano_usd
    values: dict[str, Any] = {
        "file": row.file,
        "line": row.line,
        "turn": row.turn,
        "source": row.source or None,
        "provider": row.provider or None,
        "api_shape": row.api_shape,
        "request_model": clean_name(row.request_model) or None,
        "response_model": clean_name(row.response_model) or None,
        "input_tokens": usage.input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cost_usd": None if cost is None else format_exact_usd(min(cost, MAX_CALL_NANO_USD)),
        "cost_basis": row.cost_basis,
        "error_type": clean_name(row.error_type) or None,
    }
    if with_reason:
        values["reason"] = row.reason or None
    return json.dumps(values)
