"""The `bursar` command: its commands put together, and its errors told."""

import io
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from app.cli import tray
from app.cli.command_table import PLACES, Commands
from app.cli.console import show_error
from app.core.errors import AppError

WIDEST_HELP = 110


class _Bursar(TyperGroup):
    """All commands; the list of them is told without loading one."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = Commands()

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(PLACES)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.meaning) for name, place in PLACES.items()])


app = typer.Typer(
    name="bursar",
    cls=_Bursar,
    help="Meters, caps and explains what coding agents spend.",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # the library that draws help in boxes takes twice as long to load as all else that it needs
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST_HELP},
)
app.callback(invoke_without_command=True)(tray.show_tray)


def run_command() -> None:
    """Run what was typed, then leave with its exit status: 1 for an error that is told, 2 for a wrong command."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a table must not fail where a terminal has no lines to draw
    try:
        app()
    except AppError as error:
        show_error(error)
        sys.exit(1)
