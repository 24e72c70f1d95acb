"""`bursar env`: the variables that send an agent's calls through the meter, for a shell to read."""

import os
import secrets
import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli import console, places
from app.core.assurance import Assurance
from app.core.errors import InvalidInput
from app.core.tags import Tags, clean_label

if TYPE_CHECKING:
    from app.services.agents.recipe import Connection
    from app.services.launch import Changes


class Shell(StrEnum):
    """Whose syntax to print."""

    SH = "sh"
    FISH = "fish"
    POWERSHELL = "powershell"
    DOCKER = "docker"


def print_exports(
    project: str = typer.Option("", help="The project to charge; .bursar.toml's or the Git repository's if left out."),
    agent: str = typer.Option("", help="The agent's name; a known one's own variables are added."),
    task: str = typer.Option("", help="What it is about."),
    team: str = typer.Option("", help="The team to charge; .bursar.toml's if left out."),
    name: str = typer.Option("", help="What to call the key."),
    shell: Shell = typer.Option(Shell.SH, help="Whose syntax to print; docker is that of --env-file."),
    at: str = typer.Option("", metavar="URL", help="Where an agent elsewhere reaches the meter; see: bursar proxy."),
) -> None:
    """Print exports with a fresh virtual key: eval "$(bursar env)"."""
    from app.keys.issue import issue_key
    from app.ledger.assurance_store import note_level
    from app.ledger.meter_state import running_meter
    from app.services.agents.recipe import Connection
    from app.services.agents.recipes import recipe_for
    from app.services.launch import agent_changes
    from app.services.repository import repository_at

    _check_place(at)
    home, recipe = repository_at(Path.cwd()), recipe_for(agent)
    labels = (project or home.project, agent, places.user_name(), team or home.team, task)
    tags = Tags(*(clean_label(label) for label in labels))
    settings = places.read_settings()
    with places.opened_ledger() as ledger:
        running = running_meter(ledger)
        here = running.gateway_url if running else f"http://127.0.0.1:{settings.gateway_port}"
        key, token = issue_key(
            ledger, name=clean_label(name) or f"env {tags.project} {secrets.token_hex(3)}", tags=tags
        )
        if at:
            note_level(ledger, key.key_id, Assurance.SEPARATED)
    connection = Connection(at.rstrip("/") or here, token)
    changes = agent_changes(connection, {} if at else os.environ, recipe)
    _print(changes, shell)
    if running is None:
        console.tell("The meter is not running. Start it with: bursar, or bursar proxy")
    console.tell(f"Key “{key.name}”, charged to {tags.project}. Codex: codex {codex_arguments(connection)}")


def _check_place(at: str) -> None:
    if at and not at.startswith("https://"):
        raise InvalidInput("Not where a meter is reached", "--at takes an address like https://172.17.0.1:8443.")


def _print(changes: "Changes", shell: Shell) -> None:
    for variable, value in changes.variables.items():
        console.say(export_line(shell, variable, value))
    for variable in () if shell is Shell.DOCKER else changes.removed:
        console.say(removal_line(shell, variable))


def export_line(shell: Shell, variable: str, value: str) -> str:
    """One line that sets and exports a variable, whatever is in the value."""
    if shell is Shell.DOCKER:
        return f"{variable}={value}"  # all of the line is the value, there is nothing to escape
    if shell is Shell.FISH:
        escaped = value.replace("\\", "\\\\").replace("'", "\\'")
        return f"set -gx {variable} '{escaped}'"
    if shell is Shell.POWERSHELL:
        escaped = value.replace("'", "''")
        return f"$env:{variable} = '{escaped}'"
    return f"export {variable}={shlex.quote(value)}"


def removal_line(shell: Shell, variable: str) -> str:
    """One line that removes a variable, set or not."""
    if shell is Shell.FISH:
        return f"set -e {variable}; or true"
    if shell is Shell.POWERSHELL:
        return f"Remove-Item Env:{variable} -ErrorAction SilentlyContinue"
    return f"unset {variable}"


def codex_arguments(connection: "Connection") -> str:
    """Codex reads its base URL from an option only; quoted for a shell."""
    from app.services.agents.recipes import CODEX

    return shlex.join(connection.fill(argument) for argument in CODEX.arguments)
