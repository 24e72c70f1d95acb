"""Every command by its name: where it is, and what the list of commands says of it.

A file of commands is imported when one of its commands is named. All of them together take longer to load than most
questions take to answer, and `--help` needs none of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import typer
from typer.main import get_group

type Command = Any
"""A command as Typer makes it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A command's file in `app.cli`, the name of its function or group there, and its meaning: what the command itself
    says of it in its first paragraph."""

    file: str
    name: str
    meaning: str
    settings: Mapping[str, Any] = field(default_factory=dict)


PLACES: Mapping[str, Place] = {
    "run": Place(
        "run", "run_agent", "Run an agent behind the meter and print what it cost when it ends.",
        {"allow_interspersed_args": False},
    ),
    "env": Place("env", "print_exports", 'Print exports with a fresh virtual key: eval "$(bursar env)".'),
    "ca": Place(
        "ca", "print_certificate",
        "Print the certificate of the meter's own CA, for agents that reach it over a network.",
    ),
    "connect": Place(
        "connect", "connect",
        "Show the change to an agent's own settings that leads it to the meter, and make it when you say so.",
    ),
    "disconnect": Place(
        "connect", "disconnect", "Take back what connect has changed, to the byte, and revoke its key."
    ),
    "doctor": Place(
        "doctor", "examine",
        "Check agents, settings and Bursar itself for what goes around the meter. Status 1 when something is wrong.",
    ),
    "mcp": Place(
        "mcp", "serve",
        "An MCP server on standard input and output: an agent asks what it may spend, and you for more.",
    ),
    "spend": Place("spend", "show_spend", "Show what was spent."),
    "tools": Place(
        "tools", "show_tools", "Show which tools were called, which failed, and what the calls after a failure cost."
    ),
    "cache": Place(
        "cache", "show_cache", "Show how much input was sent again, how much of that was paid in full, and why."
    ),
    "audit": Place("audit", "audit_captures", "Meter captured calls from files. Needs no meter and no network."),
    "pause": Place(
        "pause", "pause_calls", "Pause everything, or one session: its calls wait, nothing is sent, until you resume."
    ),
    "resume": Place(
        "pause", "resume_calls",
        "Let calls go on after a pause of everything, or those of one paused or stopped session.",
    ),
    "stop": Place("pause", "stop_session", "Stop one session: its next call is refused, and its agent is told so."),
    "import": Place(
        "import_", "import_history",
        "Read an agent's own logs, or what a provider says it charged: its export, or its own answer. Reading them "
        "again changes nothing.",
    ),
    "compare": Place(
        "compare", "compare_counts",
        "Compare what the meter saw, what agents' logs tell and what the provider billed, by day.",
    ),
    "forecast": Place(
        "forecast", "show_forecast", "Show what this month will come to, with a range that holds four times in five."
    ),
    "explain": Place(
        "explain", "explain_cost",
        "Take the difference between two tasks' costs apart: the parts sum to it, to the nano-dollar.",
    ),
    "demo": Place(
        "demo", "show_demo",
        "Show Bursar at work with simulated agents and a scripted provider. Touches nothing of yours.",
    ),
    "uninstall": Place(
        "uninstall", "uninstall",
        "Disconnect agents, start no more at login, and delete what you say of keys, ledger and settings.",
    ),
    "proxy": Place("proxy", "app", "Run the meter in the foreground until Ctrl-C. Needs no screen."),
    "service": Place("service", "app", "The meter as a service of your system, without a screen or a tray."),
    "caps": Place("caps", "app", "List, show, add, edit, raise and remove caps."),
    "keys": Place("keys", "app", "Virtual keys that agents hold, and the providers' own keys."),
    "approvals": Place("approvals", "app", "See and answer calls that wait at a cap, or in a loop."),
    "prices": Place("prices", "app", "Show, set and update what models cost."),
    "ledger": Place("ledger", "app", "Check the ledger, back it up, put it back."),
    "loops": Place("loops", "app", "Agents that go round in circles, and how strictly that is dealt with."),
    "review": Place("review", "app", "A week looked at: what cost most and why, and what could be saved."),
    "team": Place("team", "app", "Share caps with a team: one ledger for several laptops."),
    "export": Place(
        "export", "app",
        "Write calls, or what days came to, for other programs. Never a prompt, an answer or a key.",
    ),
    "webhooks": Place("webhooks", "app", "Tell Slack, or a server of yours, of alerts, waiting calls and loops."),
    "update": Place("update", "app", "Ask whether a newer Bursar is out."),
}  # fmt: skip


class Commands(Mapping[str, Command]):
    """The commands themselves, each loaded when it is asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            self._loaded[name] = _load(name, PLACES[name])
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


def _load(name: str, place: Place) -> Command:
    found = getattr(import_module(f"app.cli.{place.file}"), place.name)
    around = typer.Typer(rich_markup_mode=None, add_completion=False)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name, context_settings=dict(place.settings))(found)
    return _told_whole(get_group(around).commands[name])


def _told_whole(command: Command) -> Command:
    """With its meaning, and those of the commands below it, never cut short in a list of commands."""
    command.short_help = " ".join((command.help or "").partition("\n\n")[0].split())
    for inner in getattr(command, "commands", {}).values():
        _told_whole(inner)
    return command
