import csv
import io
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from app.core.errors import InvalidInput
from app.services.exports.row_files import CALL_COLUMNS, DAY_COLUMNS, FileFormat, Kind, Table, format_of, write_rows

AT = datetime(2026, 11, 22, 1, 2, 3, 400, tzinfo=UTC)
EMPTY = {Kind.TEXT: "", Kind.COUNT: None, Kind.FLAG: False, Kind.INSTANT: AT, Kind.DAY: date(2026, 11, 22)}


def row(columns: Table, **values: Any) -> dict[str, Any]:
    """As the ledger gives it: dollars are put beside nano-dollars only where rows are written."""
    told = {name: EMPTY[kind] for name, kind in columns.items() if name != "cost_usd"}
    return told | values


def written(columns: Table, to: FileFormat, *rows: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    assert write_rows(iter(rows), columns, to, stream) == len(rows)
    return stream.getvalue()


CALLS = (
    row(CALL_COLUMNS, call_id="1", cost_nano_usd=1_500_000_001, is_stream=True, task='two\nlines, "quoted" – ü'),
    row(CALL_COLUMNS, call_id="2", input_tokens=0, project="=HYPERLINK(1)", agent="-1+1", status_code=200),
)


def test_csv_holds_every_value_exactly_and_no_formula() -> None:
    first, second = csv.DictReader(io.StringIO(written(CALL_COLUMNS, FileFormat.CSV, *CALLS).decode()))
    assert list(first) == list(CALL_COLUMNS)
    assert (first["cost_nano_usd"], first["cost_usd"], first["is_stream"]) == ("1500000001", "1.500000001", "true")
    assert (first["started_at"], first["task"]) == ("2026-11-22T01:02:03.000400+00:00", 'two\nlines, "quoted" – ü')
    assert (second["cost_usd"], second["output_tokens"], second["input_tokens"]) == ("", "", "0")
    assert (second["project"], second["agent"]) == ("'=HYPERLINK(1)", "'-1+1")


def test_json_is_one_object_a_line_where_the_unknown_is_null() -> None:
    first, second = map(json.loads, written(CALL_COLUMNS, FileFormat.JSON, *CALLS).splitlines())
    assert (first["cost_usd"], first["is_stream"], first["started_at"]) == ("1.500000001", True, AT.isoformat())
    assert (second["cost_nano_usd"], second["cost_usd"], second["project"]) == (None, None, "=HYPERLINK(1)")


def test_parquet_keeps_the_types_and_the_values() -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(written(CALL_COLUMNS, FileFormat.PARQUET, *CALLS)))
    assert table.column_names == list(CALL_COLUMNS)
    first, second = table.to_pylist()
    assert (first["cost_nano_usd"], first["started_at"], first["is_stream"]) == (1_500_000_001, AT, True)
    assert (second["cost_nano_usd"], second["cost_usd"], second["agent"]) == (None, None, "-1+1")


@pytest.mark.parametrize("to", FileFormat)
@pytest.mark.parametrize("columns", [CALL_COLUMNS, DAY_COLUMNS], ids=["calls", "days"])
def test_nothing_to_write_is_a_whole_file_too(columns: Table, to: FileFormat) -> None:
    content = written(columns, to)
    if to is FileFormat.PARQUET:
        assert pyarrow.parquet.read_table(io.BytesIO(content)).num_rows == 0
    else:
        assert content.decode() == (",".join(columns) + "\n" if to is FileFormat.CSV else "")


def test_many_rows_are_written_in_groups() -> None:
    days = [row(DAY_COLUMNS, calls=number) for number in range(25_000)]
    file = pyarrow.parquet.ParquetFile(io.BytesIO(written(DAY_COLUMNS, FileFormat.PARQUET, *days)))
    assert (file.num_row_groups, file.metadata.num_rows) == (3, 25_000)


@pytest.mark.parametrize(
    ("file", "wanted", "found"),
    [
        ("calls.csv", None, FileFormat.CSV),
        ("calls.PARQUET", None, FileFormat.PARQUET),
        ("calls.jsonl", None, FileFormat.JSON),
        ("calls", None, FileFormat.CSV),
        ("calls.csv", FileFormat.JSON, FileFormat.JSON),
        (None, None, FileFormat.CSV),
    ],
)
def test_the_format_is_what_was_asked_for_or_what_the_file_is_called(
    file: str | None, wanted: FileFormat | None, found: FileFormat
) -> None:
    assert format_of(Path(file) if file else None, wanted) is found


def test_an_ending_that_means_nothing_is_asked_about() -> None:
    with pytest.raises(InvalidInput, match="--format"):
        format_of(Path("calls.xlsx"), None)


def test_parquet_without_its_library_says_how_to_get_it_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    stream = io.BytesIO()
    with pytest.raises(InvalidInput, match=r"bursar\[parquet\]"):
        write_rows(iter(CALLS), CALL_COLUMNS, FileFormat.PARQUET, stream)
    assert stream.getvalue() == b""
