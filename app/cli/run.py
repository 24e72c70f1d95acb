"""`bursar run`: one agent, metered."""

import os
from pathlib import Path

import typer

from app.cli import console, places
from app.core.tags import Tags, clean_label
from app.services.launch import bypasses, program_name


def run_agent(
    command: list[str] = typer.Argument(help="The agent and its arguments, after --.", metavar="-- COMMAND…"),
    project: str = typer.Option("", help="The project to charge; the Git repository's name if left out."),
    agent: str = typer.Option("", help="The agent's name; the program's if left out."),
    task: str = typer.Option("", help="What it is about, like “fix retry on 429”."),
    user: str = typer.Option("", help="The user to charge; you if left out."),
    team: str = typer.Option("", help="The team to charge."),
) -> None:
    """Run an agent behind the meter and print what it cost when it ends."""
    from app.services.receipt import format_receipt
    from app.services.run import CommandMissing, folder_project, run_metered

    tags = Tags(
        project=clean_label(project or folder_project(Path.cwd())),
        agent=clean_label(agent or program_name(command[0])),
        user=clean_label(user or places.user_name()),
        team=clean_label(team),
        task=clean_label(task),
    )
    for name in bypasses(os.environ):
        console.tell(f"bursar: {name} is set, so this agent can go around the meter.")
    places.keep_log("run")
    settings = places.read_settings()
    with places.opened_ledger() as ledger:
        try:
            finished = run_metered(ledger, settings, command, tags)
        except CommandMissing as error:
            console.show_error(error)
            raise typer.Exit(error.exit_status) from None
    console.tell(f"bursar: {format_receipt(finished.receipt)} ({tags.agent} in {tags.project})")
    raise typer.Exit(finished.exit_status)
