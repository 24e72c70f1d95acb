"""`bursar audit`: captures of finished calls metered offline, by the meter's own readers in a process of theirs."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import batched
from pathlib import Path
from typing import IO, Any

import typer

from app.cli import console
from app.core.call import Basis
from app.core.money import UNKNOWN, format_call_usd, format_sum, nano_from_decimal
from app.services.own_command import AUDIT, part_command

_ROWS_OF_A_TABLE = 500
"""A table is laid out as a whole, so a long listing is printed as several: none has to be held."""
_COUNTS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_COUNT_HEADERS = ("In", "Cache read", "Cache write", "Out", "Reasoning")
_ROW_HEADERS = ("File and line", "Provider", "Model", *_COUNT_HEADERS, "Cost", "Note")
_TOTAL_HEADERS = ("Provider", "Model", "Calls", *_COUNT_HEADERS, "Cost", "Unpriced")


def audit_captures(
    files: list[str] = typer.Argument(
        ..., metavar="FILE…", help="Recordings (.jsonl, .jsonl.gz), HAR, mitmproxy dumps."
    ),
    as_json: bool = typer.Option(False, "--json", help="For scripts: one JSON object an exchange, on a line."),
) -> None:
    """Meter captured calls from files. Needs no meter and no network."""
    from app.services.run import SIGNAL_BASE

    sys.stdout.flush()
    if as_json:
        status = subprocess.run(_command(files), check=False).returncode
    else:
        with subprocess.Popen(_command(files, "--with-reasons"), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            _print_rows(process.stdout)
            status = process.wait()
    raise typer.Exit(status if status >= 0 else SIGNAL_BASE - status)


def _command(files: list[str], *options: str) -> list[str]:
    return [*part_command(AUDIT), *options, "--", *files]


def _print_rows(stream: IO[bytes]) -> None:
    """The exchanges as they come, then the totals by model. A process that was killed leaves its last line half."""
    totals: dict[tuple[str, str], _Total] = {}
    lines = (json.loads(line) for line in stream if line.endswith(b"\n"))
    for rows in batched(_counted(lines, totals), _ROWS_OF_A_TABLE):
        console.print_table(_ROW_HEADERS, [_cells(row) for row in rows], numbers=range(3, 9))
        console.say("")
    if totals:
        cells = [_total_cells(*names, total) for names, total in sorted(totals.items())]
        console.print_table(_TOTAL_HEADERS, cells, numbers=range(2, 10))


@dataclass(slots=True)
class _Total:
    """What one model came to. Counts that were not told add nothing, and calls without a price are counted apart."""

    calls: int
    tokens: list[int | None]
    cost_nano_usd: int = 0
    unpriced: int = 0
    estimated: int = 0


def _counted(rows: Iterable[dict[str, Any]], totals: dict[tuple[str, str], _Total]) -> Iterator[dict[str, Any]]:
    """The rows, each added to its model's total on its way."""
    for row in rows:
        names = (row["provider"] or "", _model(row))
        total = totals.setdefault(names, _Total(0, [None] * len(_COUNTS)))
        total.calls += 1
        total.tokens = [_sum(so_far, row[name]) for so_far, name in zip(total.tokens, _COUNTS, strict=True)]
        total.cost_nano_usd += _cost(row) or 0
        total.unpriced += row["cost_basis"] == Basis.UNPRICED
        total.estimated += row["cost_basis"] == Basis.ESTIMATED
        yield row


def _sum(so_far: int | None, count: int | None) -> int | None:
    return so_far if count is None else (so_far or 0) + count


def _model(row: dict[str, Any]) -> str:
    return str(row["response_model"] or row["request_model"] or "")


def _cost(row: dict[str, Any]) -> int | None:
    return None if row["cost_usd"] is None else nano_from_decimal(Decimal(row["cost_usd"]))


def _count(count: int | None) -> str:
    return UNKNOWN if count is None else f"{count:,}"


def _cells(row: dict[str, Any]) -> list[str]:
    where = f"{Path(row['file']).name}:{row['line']}" + (f" turn {row['turn']}" if row["turn"] else "")
    counts = [_count(row[name]) for name in _COUNTS]
    mark = "~" if row["cost_basis"] == Basis.ESTIMATED else ""
    note = ": ".join(part for part in (row["error_type"], row["reason"]) if part)
    return [
        where,
        row["provider"] or UNKNOWN,
        _model(row) or UNKNOWN,
        *counts,
        mark + format_call_usd(_cost(row)),
        note,
    ]


def _total_cells(provider: str, model: str, total: _Total) -> list[str]:
    cost = format_sum(total.cost_nano_usd, unpriced_calls=total.unpriced, estimated_calls=total.estimated)
    cost = cost.replace("<$0.01", format_call_usd(total.cost_nano_usd))
    counts = [_count(count) for count in total.tokens]
    return [provider or UNKNOWN, model or UNKNOWN, f"{total.calls:,}", *counts, cost, f"{total.unpriced:,}"]
