"""The catalogue of faults as a table: what the tests say of themselves, with what came of each when it was last run."""

import re
import sys
from collections import defaultdict
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.cells import FAULTS, MARK

TESTS = Path(__file__).parents[1]
TABLE = TESTS.parent / "resources" / "docs" / "faults.md"

_HEAD = """# What breaks, and what Bursar does then

Made by `python -m tests.faults`, which tries each of these and writes down what came of it: with arguments of pytest (a
file, `-k clock`, `-n 2`) those alone, with `-m cell` the long ones too. `not run` is what needs longer, or a right or a
program that was not there.

{count} cells in {kinds} kinds of faults.
"""
_COLUMNS = "| fault | when | expected | tried by | last result |\n|---|---|---|---|---|\n"
_ROW = re.compile(r"\| (?P<fault>.+?) \| (?P<phase>.+?) \| (?P<expected>.+?) \| (?P<tests>.+?) \| (?P<result>.+?) \|")
_KIND = re.compile(r"## (?P<number>F\d+): .+")


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of the table. `tests` are `file::test` below `tests/`; `result` is what came of the last run, with its
    day."""

    number: str
    fault: str
    phase: str
    expected: str
    tests: tuple[str, ...] = ()
    result: str = "not run"

    @property
    def said(self) -> tuple[str, str, str, str]:
        """What its mark says."""
        return self.number, self.fault, self.phase, self.expected

    @property
    def name(self) -> tuple[str, str, str]:
        """What no two cells share."""
        return self.said[:3]


@dataclass(eq=False)
class Listing:
    """A plugin for pytest that notes which tests are cells."""

    tests: dict[tuple[str, str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Before anything is left out."""
        for item in items:
            for mark in item.iter_markers(MARK):
                self.tests[Cell(*mark.args).said].add(re.sub(r"\[.*", "", item.nodeid).removeprefix("tests/"))

    def cells(self) -> list[Cell]:
        """All of them, in the table's order."""
        found = [Cell(*said, tuple(sorted(tests))) for said, tests in self.tests.items()]
        return sorted(found, key=lambda one: (int(one.number[1:]), one.fault, one.phase))


@dataclass(eq=False)
class Outcomes:
    """A plugin for pytest that notes what came of the cells. A worker's tests are known by their reports alone, so
    those carry the marks (`tests/conftest.py`)."""

    of: dict[tuple[str, ...], set[str]] = field(default_factory=lambda: defaultdict(set))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After each phase of a test; one that is skipped or breaks before its own has no other."""
        if report.when == "call" or report.outcome != "passed":
            for name, value in report.user_properties:
                if name == MARK:
                    self.of[tuple(str(value).split("|"))].add(report.outcome)

    def told(self, cell: Cell) -> str:
        """The result to be written down; empty where the cell was not run."""
        worst = next((one for one in ("failed", "passed") if one in self.of.get(cell.said, set())), "")
        return f"{worst} {datetime.now(UTC).date()}" if worst else ""


def listed() -> list[Cell]:
    """The cells that there are, by a pytest of its own that runs none."""
    listing = Listing()
    quiet = ["-m", MARK, "--collect-only", "-qq", "--no-header", "--no-summary", "-p", "no:cacheprovider"]
    with redirect_stdout(sys.stderr):
        code = pytest.main([*quiet, *with_cells()], plugins=[listing])
    if code:
        raise SystemExit(int(code))
    return listing.cells()


def with_cells() -> list[str]:
    """The files in which some test is a cell."""
    found = (str(file) for file in TESTS.rglob("test_*.py") if "tests.faults.cells import" in file.read_text("utf-8"))
    return sorted(found)


def written(cells: list[Cell]) -> str:
    """The table as Markdown."""
    numbers = sorted({one.number for one in cells}, key=lambda number: int(number[1:]))
    parts = [_HEAD.format(count=len(cells), kinds=len(numbers))]
    for number in numbers:
        parts.append(f"\n## {number}: {FAULTS[number]}\n\n{_COLUMNS}")
        parts += [_row(one) for one in cells if one.number == number]
    return "".join(parts)


def _row(one: Cell) -> str:
    tests = ", ".join(f"`{test}`" for test in one.tests)
    return f"| {one.fault} | {one.phase} | {one.expected} | {tests} | {one.result} |\n"


def read(text: str) -> list[Cell]:
    """The cells of a written table."""
    cells, number = [], ""
    for line in text.splitlines():
        if kind := _KIND.fullmatch(line):
            number = kind["number"]
        elif (row := _ROW.fullmatch(line)) and row["fault"] != "fault":
            tests = tuple(row["tests"].strip("`").split("`, `"))
            cells.append(Cell(number, row["fault"], row["phase"], row["expected"], tests, row["result"]))
    return cells
