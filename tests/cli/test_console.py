import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.console import plain_table
from app.core.tags import clean_label

CELLS = st.text(max_size=12).map(clean_label) | st.sampled_from(
    ["", "—", "日本語", "~$1.50+", "[red]x[/red]", "e\u0301"]
)
NUMBERS = (1, 2)


def drawn(headers: list[str], rows: list[list[str]]) -> list[str]:
    """The same table as it is drawn on a terminal of any width."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position in NUMBERS else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(width=10_000, file=io.StringIO())
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().rstrip("\n").split("\n")


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS).map(list), max_size=4))
def test_a_table_looks_the_same_in_a_file_as_on_a_terminal(rows: list[list[str]]) -> None:
    headers = ["Project", "Calls", "Cost", "On"]
    assert list(plain_table(headers, rows, NUMBERS)) == drawn(headers, rows)


def test_a_file_that_holds_no_lines_of_boxes_gets_dashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert list(plain_table(["A"], [["bc"]], ()))[1] == "--"
