"""`bursar env`: the variables that send an agent's calls through the meter, for a shell to read."""

import os
import secrets
import shlex
from enum import StrEnum
from pathlib import Path

import typer

from app.cli import console, places
from app.core.tags import Tags, clean_label

_AMBIGUOUS = "ANTHROPIC_AUTH_TOKEN"
"""Would go ahead of the key that is exported here, so it is taken out."""


class Shell(StrEnum):
    """Whose syntax to print."""

    SH = "sh"
    FISH = "fish"
    POWERSHELL = "powershell"


def print_exports(
    project: str = typer.Option("", help="The project to charge; the Git repository's name if left out."),
    agent: str = typer.Option("", help="The agent's name."),
    task: str = typer.Option("", help="What it is about."),
    team: str = typer.Option("", help="The team to charge."),
    name: str = typer.Option("", help="What to call the key."),
    shell: Shell = typer.Option(Shell.SH, help="Whose syntax to print."),
) -> None:
    """Print exports with a fresh virtual key: eval "$(bursar env)"."""
    from app.keys.issue import issue_key
    from app.ledger.meter_state import running_meter
    from app.services.launch import Connection, agent_environment, agent_exports
    from app.services.run import folder_project

    labels = (project or folder_project(Path.cwd()), agent, places.user_name(), team, task)
    tags = Tags(*(clean_label(label) for label in labels))
    settings = places.read_settings()
    with places.opened_ledger() as ledger:
        running = running_meter(ledger)
        gateway_url = running.gateway_url if running else f"http://127.0.0.1:{settings.gateway_port}"
        key, token = issue_key(
            ledger, name=clean_label(name) or f"env {tags.project} {secrets.token_hex(3)}", tags=tags
        )
    connection = Connection(gateway_url, token)
    environment = agent_environment(connection, os.environ)
    for variable in [*agent_exports(connection), "NO_PROXY", "no_proxy"]:
        console.say(export_line(shell, variable, environment[variable]))
    console.say(removal_line(shell, _AMBIGUOUS))
    if running is None:
        console.tell("The meter is not running. Start it with: bursar, or bursar proxy")
    console.tell(f"Key “{key.name}”, charged to {tags.project}. Codex: codex -c {codex_option(gateway_url)}")


def export_line(shell: Shell, variable: str, value: str) -> str:
    """One line that sets and exports a variable, whatever is in the value."""
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


def codex_option(gateway_url: str) -> str:
    """Codex reads its base URL from an option only; quoted for a shell."""
    return shlex.quote(f'openai_base_url="{gateway_url}/openai/v1"')
