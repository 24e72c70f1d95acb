"""The table in the docs is about the tests that there are."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.faults.catalogue import TABLE, read, written

ROOT = Path(__file__).parents[2]


def test_the_table_lists_exactly_the_cells_that_there_are_and_none_failed() -> None:
    command = [sys.executable, "-m", "tests.faults", "--list"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    there, table = read(done.stdout), read(TABLE.read_text("utf-8"))
    how = "run `python -m tests.faults` and commit the table"
    assert {one.said: one.tests for one in table} == {one.said: one.tests for one in there}, how
    assert [one for one in table if one.result.startswith("failed")] == []
    twice = [name for name, count in Counter(one.name for one in there).items() if count > 1]
    assert twice == [], "a cell is told in one way"


def test_a_table_is_read_as_it_was_written() -> None:
    table = read(TABLE.read_text("utf-8"))
    assert len(table) >= 30
    assert written(table) == TABLE.read_text("utf-8")
