"""`bursar connect` and `bursar disconnect`: an agent's own settings, changed for good and given back."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app import paths
from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.tags import Tags, clean_label

if TYPE_CHECKING:
    from app.services.agents.recipe import Connection

AGENT = typer.Argument(help="claude-code, codex, gemini, opencode or aider.")
_SHOWN_TOKEN = "bsr_(a new key)"


def connect(
    agent: str = AGENT,
    project: str = typer.Option("", help="The project to charge; none if left out: one key serves all repositories."),
    team: str = typer.Option("", help="The team to charge."),
    yes: bool = typer.Option(False, "--yes", help="Make the change without asking."),
) -> None:
    """Show the change to an agent's own settings that leads it to the meter, and make it when you say so."""
    from app.keys.issue import issue_key
    from app.ledger.key_store import revoke_key
    from app.services.agents import connecting

    folder = _folder()
    if connecting.is_connected(folder, agent):
        raise InvalidInput("This agent is connected already", f"First: bursar disconnect {agent}")
    preview = connecting.plan_connection(agent, _connection(_SHOWN_TOKEN), os.environ)
    console.say(preview.diff())
    if not _confirmed(yes):
        console.tell("Nothing was changed. To make this change: add --yes")
        return
    tags = Tags(project=clean_label(project), agent=agent, user=clean_label(places.user_name()), team=clean_label(team))
    with places.opened_ledger() as ledger:
        key, token = issue_key(ledger, name=f"connect {agent}", tags=tags)
        try:
            plan = connecting.plan_connection(agent, _connection(token), os.environ)
            connecting.make_connection(folder, plan, key.key_id)
        except BaseException:
            revoke_key(ledger, key.key_id)
            raise
    console.tell(
        f"{plan.file} is changed. The meter must run now whenever {agent} does. Back: bursar disconnect {agent}"
    )


def disconnect(agent: str = AGENT) -> None:
    """Take back what connect has changed, to the byte, and revoke its key."""
    from app.ledger.key_store import revoke_key
    from app.services.agents import connecting

    file, key_id = connecting.undo_connection(_folder(), agent)
    with places.opened_ledger() as ledger, suppress(InvalidInput):  # a person may have revoked it before
        revoke_key(ledger, key_id)
    console.tell(f"{file} is as it was, and its key is revoked.")


def _connection(token: str) -> "Connection":
    from app.services.agents.recipe import Connection

    port = places.read_settings().gateway_port
    if not port:
        raise InvalidInput(
            "The meter has no fixed port", "Set “gateway_port” in Bursar’s settings, so that the agent finds it again."
        )
    return Connection(f"http://127.0.0.1:{port}", token)


def _confirmed(yes: bool) -> bool:
    return yes or (sys.stdin.isatty() and typer.confirm("Make this change?"))


def _folder() -> Path:
    return paths.data_folder() / "connections"
