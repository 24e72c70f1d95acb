"""The environment and the command an agent is launched with, so that its calls go through the meter and it holds no
provider key. What each agent needs stands in `app.services.agents`; here it is put together.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.services.agents.recipe import Connection, Recipe
from app.services.agents.recipes import (
    ANY_PROGRAM,
    EVERY_PROGRAM,
    KEYS_THAT_GO_FIRST,
    bypass_variables,
    recipe_for,
)

LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different in an agent's environment: variables that are set, and names that are taken out."""

    variables: Mapping[str, str]
    removed: tuple[str, ...]


def agent_changes(connection: Connection, inherited: Mapping[str, str], recipe: Recipe = ANY_PROGRAM) -> Changes:
    """What to change in an inherited environment, so that an agent's calls reach the meter and nothing else."""
    templates = EVERY_PROGRAM | dict(recipe.variables)
    for choice in recipe.choices:
        if inherited.get(choice.variable) == choice.value:
            templates |= dict(choice.variables)
    variables = {name: connection.fill(text) for name, text in templates.items() if name not in recipe.removed}
    for name, template in recipe.joined_settings.items():
        variables[name] = _joined(inherited.get(name, ""), connection.fill(template))
    for name in ("NO_PROXY", "no_proxy"):
        variables[name] = _without_proxy(inherited.get(name, ""))
    removed = dict.fromkeys([*recipe.removed, *KEYS_THAT_GO_FIRST])
    return Changes(variables, tuple(name for name in removed if name not in variables))


def agent_environment(
    connection: Connection, inherited: Mapping[str, str], recipe: Recipe = ANY_PROGRAM
) -> dict[str, str]:
    """The whole environment of a child: what it inherits, with the meter in the place of providers and their keys."""
    changes = agent_changes(connection, inherited, recipe)
    kept = {name: value for name, value in inherited.items() if name not in changes.removed}
    return kept | dict(changes.variables)


def agent_command(command: Sequence[str], connection: Connection) -> list[str]:
    """The command to run: an agent that takes its address from an option only is given that option."""
    if not command:
        return []
    arguments = [connection.fill(argument) for argument in recipe_for(command[0]).arguments]
    return [command[0], *arguments, *command[1:]]


def bypasses(environment: Mapping[str, str]) -> list[str]:
    """Variables that are set and send an agent's calls elsewhere than to its base URL, so that they go unmetered."""
    return [name for _, name in bypass_variables() if environment.get(name, "").lower() not in ("", "0", "false")]


def _joined(inherited: str, ours: str) -> str:
    """A person's JSON settings with ours put in; ours alone where theirs are no JSON object."""
    try:
        theirs = json.loads(inherited) if inherited else {}
    except (ValueError, RecursionError):
        theirs = {}
    return json.dumps(_overlaid(theirs if isinstance(theirs, dict) else {}, json.loads(ours)))


def _overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _overlaid(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _without_proxy(inherited: str) -> str:
    entries = [entry.strip() for entry in inherited.split(",") if entry.strip()]
    return ",".join(entries + [host for host in LOOPBACK if host not in entries])
