"""Talking to a person: results on standard output, what is said beside them on standard error, JSON for scripts."""

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from app.core.errors import AppError
from app.core.tags import clean_label

_GAP = "   "


def say(text: str) -> None:
    """A line on standard output, at once: whoever reads a pipe wants it when it happens."""
    print(text, flush=True)


def tell(text: str) -> None:
    """A line on standard error, for the person only."""
    print(text, file=sys.stderr, flush=True)


def read_secret(what: str) -> str:
    """A line typed unseen, or read from standard input where that is no terminal."""
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{what} (not shown): ")
    return sys.stdin.readline()


def show_error(error: AppError) -> None:
    """Title and message of an error, on standard error."""
    tell(f"{error.title}\n{error.message}")


def print_json(value: Any) -> None:
    """A value as JSON on standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()) -> None:
    """A table; the columns at the positions in `numbers` are aligned right.

    Cells hold labels that agents chose, so nothing in them is taken as markup or as a control sequence. Where nobody
    looks (a pipe, a file) no cell is cut to a width.
    """
    cells = [[clean_label(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw_table(headers, cells, numbers)
    else:
        for line in plain_table(headers, cells, numbers):
            print(line)


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> Iterator[str]:
    """The lines of a table as wide as it needs to be."""
    from rich.cells import cell_len  # the rest of it takes as long to load as the sums of a month to read

    widths = [max(map(cell_len, column)) for column in zip(headers, *rows, strict=True)]
    for number, row in enumerate((headers, *rows)):
        padded = []
        for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
            room = " " * (width - cell_len(cell))
            padded.append(room + cell if place in numbers else cell + room)
        yield _GAP.join(padded)
        if number == 0:
            yield _line() * (sum(widths) + len(_GAP) * (len(widths) - 1))


def _line() -> str:
    return "─" if (sys.stdout.encoding or "").lower().startswith("utf") else "-"


def _draw_table(headers: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)
