"""`bursar` alone: the tray and its window."""

import os
import sys

import typer

from app.core.errors import AppError

TRAY_INSTEAD = (
    "The tray needs a desktop. Without one, meter an agent with: bursar run -- claude\n"
    "or keep the meter running with: bursar proxy"
)


class NoScreen(AppError):
    """There is no desktop to show the tray on."""


def show_tray(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Show the version and leave."),
) -> None:
    """Meters, caps and explains what coding agents spend. Without a command: the tray."""
    if version:
        from importlib.metadata import version as installed_version

        typer.echo(f"bursar {installed_version('bursar')}")
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    require_screen()
    from app.cli import places

    places.refuse_exposed()
    places.keep_log("tray")
    from app.desktop.application import run_desktop  # Qt takes a while to load and the other commands need none of it

    raise typer.Exit(run_desktop(places.ledger_file(), places.read_settings(), offers_setup=True))


def has_screen() -> bool:
    """Whether there is a desktop to show a window on."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))


def require_screen(instead: str = TRAY_INSTEAD) -> None:
    """Raise NoScreen, saying what to do instead, where there is no desktop."""
    if not has_screen():
        raise NoScreen("No screen here", instead)
