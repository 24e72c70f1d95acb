"""`bursar run`: one agent, metered."""

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli import console, places
from app.core.assurance import Assurance
from app.core.caps import Action
from app.core.errors import InvalidInput
from app.core.money import parse_usd
from app.core.tags import Tags, clean_label

if TYPE_CHECKING:
    from app.services.agents.recipe import Recipe
    from app.services.run import Finished, RunLimit
    from app.services.sandbox import Sandbox

SHOWN_CAPS = 3


def run_agent(
    command: list[str] = typer.Argument(help="The agent and its arguments, after --.", metavar="-- COMMAND…"),
    project: str = typer.Option("", help="The project to charge; .bursar.toml's or the Git repository's if left out."),
    agent: str = typer.Option("", help="The agent's name; the program's if left out."),
    task: str = typer.Option("", help="What it is about; for a known agent the Git branch if left out."),
    user: str = typer.Option("", help="The user to charge; you if left out."),
    team: str = typer.Option("", help="The team to charge; .bursar.toml's if left out."),
    cap: str = typer.Option("", help="Dollars that this run may spend, like 2.50; .bursar.toml's if left out."),
    at_limit: Action = typer.Option(Action.PAUSE, help="What the next call meets when the run has spent its cap."),
    sandbox: bool | None = typer.Option(None, help="Let it reach the meter only, or not; .bursar.toml's if left out."),
    offline: bool = typer.Option(False, "--offline", help="In the sandbox, keep the internet from it too."),
    quiet: bool = typer.Option(False, "--quiet", help="Print no receipt; only what goes around the meter."),
    json_file: Path | None = typer.Option(None, "--json", metavar="FILE", help="Write the receipt there for a script."),
) -> None:
    """Run an agent behind the meter and print what it cost when it ends."""
    from app.services.agents.recipe import program_name
    from app.services.agents.recipes import recipe_for
    from app.services.repository import repository_at
    from app.services.run import RunLimit

    home, recipe = repository_at(Path.cwd()), recipe_for(command[0])
    tags = Tags(
        project=clean_label(project) or home.project,
        agent=clean_label(agent or program_name(command[0])),
        user=clean_label(user or places.user_name()),
        team=clean_label(team) or home.team,
        # A program of one's own may name its tasks itself, call by call, and a key's task would go before them.
        task=clean_label(task) or (home.task if recipe.programs else ""),
    )
    nano = parse_usd(cap) if cap else home.cap_nano_usd
    limit = None if nano is None else RunLimit(nano, at_limit)
    _check_folder(json_file)
    places.keep_log("run")  # where Bursar cannot start, that is all there is to say
    is_wanted = offline or (home.asks_for_sandbox if sandbox is None else sandbox)
    box = _sandbox(command[0], recipe, is_offline=offline) if is_wanted else None
    _warn(recipe, box, quiet)
    finished = _run(command, tags, limit, box)
    _tell(finished, quiet, json_file)
    raise typer.Exit(finished.exit_status)


def _tell(finished: "Finished", quiet: bool, json_file: Path | None) -> None:
    if finished.trouble:
        console.tell(f"bursar: {finished.trouble}")
    if not quiet:
        _tell_receipt(finished)
    if json_file is not None:
        _write_receipt(json_file, finished)


def _sandbox(program: str, recipe: "Recipe", *, is_offline: bool) -> "Sandbox":
    from app.services.run import CommandMissing
    from app.services.sandbox import made_sandbox
    from app.services.sandbox_walls import walls_for

    found = shutil.which(program)
    if found is None:
        console.show_error(CommandMissing("No such command", f"“{program}” is not on the PATH.", 127))
        raise typer.Exit(127)
    walls = walls_for(Path.cwd(), recipe, found, os.environ, places.private_folders())
    return made_sandbox(walls, is_offline=is_offline)


def _tell_assurance(box: "Sandbox | None") -> None:
    if box is None:
        console.tell(f"bursar: Assurance: {Assurance.COOPERATIVE}.")
        return
    reach = "the meter" if box.is_offline else "the meter, and the internet through it"
    writes = ", ".join(str(place) for place in box.walls.writable)
    console.tell(f"bursar: Assurance: {Assurance.SANDBOXED}. It reaches {reach}, and writes in {writes}.")


def _run(command: list[str], tags: Tags, limit: "RunLimit | None", box: "Sandbox | None") -> "Finished":
    from app.services.run import CommandMissing, run_metered

    settings = places.read_settings()
    with places.opened_ledger() as ledger:
        try:
            return run_metered(ledger, settings, command, tags, limit, box)
        except CommandMissing as error:
            console.show_error(error)
            raise typer.Exit(error.exit_status) from None


def _check_folder(json_file: Path | None) -> None:
    """Before the agent has spent anything: the receipt must have a place to go."""
    if json_file is not None and (json_file.is_dir() or not json_file.absolute().parent.is_dir()):
        raise InvalidInput("The receipt has no place", f"{json_file}: name a file in a folder that is there.")


def _warn(recipe: "Recipe", box: "Sandbox | None", quiet: bool) -> None:
    """Say how far the agent is held, what of it is not seen, and what it still needs."""
    from app.services.launch import bypasses

    if not quiet:
        _tell_assurance(box)
    if recipe.unmetered:
        console.tell(f"bursar: {recipe.unmetered}")
    for name in bypasses(os.environ):
        console.tell(f"bursar: {name} is set, so this agent can go around the meter.")
    if recipe.note and not quiet:
        console.tell(f"bursar: {recipe.note}")


def _tell_receipt(finished: "Finished") -> None:
    from app.services.receipt import format_cache, format_family, format_left, format_receipt, format_tools

    tags = finished.tags
    console.tell(f"bursar: {format_receipt(finished.receipt)} ({tags.agent} in {tags.project})")
    for line in format_family(finished.receipt):
        console.tell(f"bursar:   {line}")
    if tools := format_tools(finished.receipt):
        console.tell(f"bursar: {tools}")
    if lost := format_cache(finished.receipt):
        console.tell(f"bursar: {lost}")
    for cap in finished.caps[:SHOWN_CAPS]:
        console.tell(f"bursar: {format_left(cap)}")


def _write_receipt(json_file: Path, finished: "Finished") -> None:
    from app.services.receipt import receipt_values

    tags = finished.tags
    labels = {name: getattr(tags, name) for name in ("project", "agent", "task", "user", "team", "session")}
    values = labels | {"exit_status": finished.exit_status} | receipt_values(finished.receipt, finished.caps)
    try:
        json_file.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InvalidInput("The receipt cannot be written", f"{json_file}: {error.strerror or error}.") from None
