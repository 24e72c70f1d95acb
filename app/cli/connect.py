"""`bursar connect` and `bursar disconnect`: an agent's own settings, changed for good and given back."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import typer

from app import paths
from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.tags import Tags, clean_label

AGENT = typer.Argument(help="claude-code, codex, gemini, opencode or aider.")


def connect(
    agent: str = AGENT,
    project: str = typer.Option("", help="The project to charge; none if left out: one key serves all repositories."),
    team: str = typer.Option("", help="The team to charge."),
    yes: bool = typer.Option(False, "--yes", help="Make the change without asking."),
) -> None:
    """Show the change to an agent's own settings that leads it to the meter, and make it when you say so."""
    from app.services.agents.lasting import connect_agent, preview_connection

    folder, port = _folder(), places.read_settings().gateway_port
    console.say(preview_connection(folder, agent, port, os.environ).diff())
    if not _confirmed(yes):
        console.tell("Nothing was changed. To make this change: add --yes")
        return
    tags = Tags(project=clean_label(project), agent=agent, user=clean_label(places.user_name()), team=clean_label(team))
    with places.opened_ledger() as ledger:
        file = connect_agent(ledger, folder, agent, tags, port, os.environ)
    console.tell(f"{file} is changed. The meter must run now whenever {agent} does. Back: bursar disconnect {agent}")


def disconnect(agent: str = AGENT) -> None:
    """Take back what connect has changed, to the byte, and revoke its key."""
    from app.ledger.key_store import revoke_key
    from app.services.agents.connecting import undo_connection

    file, key_id = undo_connection(_folder(), agent)
    with places.opened_ledger() as ledger, suppress(InvalidInput):  # a person may have revoked it before
        revoke_key(ledger, key_id)
    console.tell(f"{file} is as it was, and its key is revoked.")


def _confirmed(yes: bool) -> bool:
    return yes or (sys.stdin.isatty() and typer.confirm("Make this change?"))


def _folder() -> Path:
    from app.services.agents.connecting import CONNECTIONS

    return paths.data_folder() / CONNECTIONS
