"""Talking to a person: results on standard output, what is said beside them on standard error, JSON for scripts."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from app.core.errors import AppError
from app.core.tags import clean_label

UNBOUNDED_WIDTH = 10_000


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
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, header in enumerate(headers):
        table.add_column(header, justify="right" if position in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(clean_label(cell)) for cell in row))
    console = Console() if sys.stdout.isatty() else Console(width=UNBOUNDED_WIDTH)
    console.print(table)
