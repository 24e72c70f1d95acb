"""Calls and days as CSV, JSON lines or Parquet.

Amounts are whole nano-dollars, with exact dollars as text beside them. In CSV a text that a spreadsheet would take for
a formula gets an apostrophe in front: agents choose some of these labels.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import batched
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from app.core.errors import InvalidInput
from app.core.money import format_exact_usd

if TYPE_CHECKING:
    import pyarrow as pa

type Row = Mapping[str, Any]
type Table = Mapping[str, Kind]
"""The columns of a kind of row, in their order."""

_GROUP = 10_000
"""Rows in memory at once, and in one row group of a Parquet file."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class FileFormat(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    COUNT = "count"
    FLAG = "flag"
    INSTANT = "instant"
    DAY = "day"


def _columns(text: str, kind: Kind) -> dict[str, Kind]:
    return dict.fromkeys(text.split(), kind)


_PAYER = _columns("project agent user team", Kind.TEXT)
CALL_COLUMNS: Table = {
    "call_id": Kind.TEXT,
    "started_at": Kind.INSTANT,
    "source": Kind.TEXT,
    **_PAYER,
    **_columns("task session virtual_key_id request_class agent_id parent_agent_id agent_kind provider", Kind.TEXT),
    **_columns("api_shape operation request_model response_model response_id", Kind.TEXT),
    "is_stream": Kind.FLAG,
    "outcome": Kind.TEXT,
    "status_code": Kind.COUNT,
    "error_type": Kind.TEXT,
    **_columns("duration_ms time_to_first_chunk_ms input_tokens output_tokens cache_read_tokens", Kind.COUNT),
    **_columns("cache_write_tokens cache_write_1h_tokens reasoning_tokens input_audio_tokens", Kind.COUNT),
    **_columns("cache_audio_read_tokens output_audio_tokens web_searches cost_nano_usd", Kind.COUNT),
    "cost_usd": Kind.TEXT,
    "cost_basis": Kind.TEXT,
    "charged_nano_usd": Kind.COUNT,
    **_columns("price_version billing", Kind.TEXT),
}
"""The columns of a call, in their order. Their meaning is that of `app.core.call.Call`."""
DAY_COLUMNS: Table = {
    "day": Kind.DAY,
    **_PAYER,
    **_columns("provider model", Kind.TEXT),
    **_columns("calls refused_calls unpriced_calls input_tokens output_tokens cache_read_tokens", Kind.COUNT),
    **_columns("cache_write_tokens reasoning_tokens web_searches cost_nano_usd", Kind.COUNT),
    "cost_usd": Kind.TEXT,
    "subscription_nano_usd": Kind.COUNT,
}
"""The columns of a day's sums, in their order."""


def format_of(file: Path | None, wanted: FileFormat | None) -> FileFormat:
    """The format asked for, else the one that the file's name ends in, else CSV. Raises InvalidInput."""
    if wanted is not None:
        return wanted
    ending = "" if file is None else file.suffix.lower().removeprefix(".")
    try:
        return FileFormat({"": "csv", "jsonl": "json", "ndjson": "json"}.get(ending, ending))
    except ValueError:
        known = ", ".join(f".{item}" for item in FileFormat)
        raise InvalidInput("Which format?", f"Name one with --format, or end the file's name in {known}.") from None


def write_rows(rows: Iterable[Row], columns: Table, to: FileFormat, stream: IO[bytes]) -> int:
    """Write all rows; how many there were. JSON is one object a line. Raises InvalidInput for a format that needs what
    is not installed, before a byte is written."""
    write = {FileFormat.CSV: _write_csv, FileFormat.JSON: _write_json, FileFormat.PARQUET: _write_parquet}[to]
    number = 0

    def told() -> Iterator[Row]:
        nonlocal number
        for row in rows:
            number += 1
            cost = row["cost_nano_usd"]
            yield {**row, "cost_usd": None if cost is None else format_exact_usd(cost)}

    write(told(), columns, stream)
    return number


def _write_csv(rows: Iterator[Row], columns: Table, stream: IO[bytes]) -> None:
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=True)
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows([_cell(row[name], kind) for name, kind in columns.items()] for row in rows)
    text.detach()


def _cell(value: Any, kind: Kind) -> Any:
    match kind:
        case Kind.INSTANT | Kind.DAY:
            return _iso(value)
        case Kind.FLAG:
            return str(value).lower()
        case Kind.TEXT if isinstance(value, str) and value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


def _write_json(rows: Iterator[Row], columns: Table, stream: IO[bytes]) -> None:
    for row in rows:
        values = {name: _plain(row[name], kind) for name, kind in columns.items()}
        stream.write(json.dumps(values, ensure_ascii=False).encode() + b"\n")


def _plain(value: Any, kind: Kind) -> Any:
    return _iso(value) if kind in (Kind.INSTANT, Kind.DAY) else value


def _iso(value: datetime | date) -> str:
    return value.isoformat(timespec="microseconds") if isinstance(value, datetime) else value.isoformat()


def _write_parquet(rows: Iterator[Row], columns: Table, stream: IO[bytes]) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        how = "Install it beside Bursar: pip install 'bursar[parquet]'. CSV and JSON need nothing."
        raise InvalidInput("Parquet needs pyarrow", how) from None
    schema = pa.schema([pa.field(name, _arrow_type(kind)) for name, kind in columns.items()])
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for group in batched(rows, _GROUP):
            writer.write_table(_arrow_table(group, schema))


def _arrow_type(kind: Kind) -> "pa.DataType":
    import pyarrow as pa

    types = {
        Kind.TEXT: pa.string(),
        Kind.COUNT: pa.int64(),
        Kind.FLAG: pa.bool_(),
        Kind.INSTANT: pa.timestamp("us", tz="UTC"),
        Kind.DAY: pa.date32(),
    }
    return types[kind]


def _arrow_table(rows: Sequence[Row], schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    arrays = [pa.array([row[field.name] for row in rows], type=field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
