"""A ledger, and what stands in it of imports, counted by plain SQL."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ledger.engine import Ledger, open_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite", checkpoints=True)
    yield opened
    opened.close()


def sums(ledger: Ledger) -> tuple[int, int, int, int, int]:
    """Calls, input, cache reads, cache writes and output of all imported calls."""
    connection = sqlite3.connect(ledger.path)
    row = connection.execute(
        "SELECT count(*), coalesce(sum(input_tokens), 0), coalesce(sum(cache_read_tokens), 0),"
        " coalesce(sum(cache_write_tokens), 0), coalesce(sum(output_tokens), 0) FROM imported_calls"
    ).fetchone()
    connection.close()
    return tuple(row)


def column(ledger: Ledger, name: str) -> list[object]:
    """One column of all imported calls, by their identity."""
    connection = sqlite3.connect(ledger.path)
    rows = connection.execute(f"SELECT {name} FROM imported_calls ORDER BY call_id").fetchall()
    connection.close()
    return [row[0] for row in rows]
