"""`bursar keys provider adopt`: keys that stand in the clear, moved into the keyring."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli import console, places
from app.core.errors import InvalidInput

if TYPE_CHECKING:
    from app.services.found_keys import FoundKey
    from app.services.provider_keys import KeyRing


def adopt_keys(
    yes: bool = typer.Option(False, "--yes", help="Move every key that is found without asking."),
    label: str = typer.Option("", "--label", help="A label for what is moved; otherwise one is made where needed."),
    remove_lines: bool = typer.Option(False, "--remove-lines", help="Also take it out of its file; a copy is kept."),
) -> None:
    """Find providers' keys in the environment, shell profiles and agents' settings, and move them into the keyring."""
    from app.cli.provider_keys import opened_key_ring

    environment = dict(os.environ)
    with opened_key_ring() as ring:
        found = _found(environment)
        if not found:
            console.say("No provider's key stands in the clear where Bursar looks.")
            return
        for key in found:
            console.say(f"{key.variable} ({key.provider}) in {key.place}")
        if not yes and not sys.stdin.isatty():
            raise InvalidInput("Nothing was moved", "To move what is listed: add --yes")
        for key in found:
            if yes or typer.confirm(f"Move {key.variable} from {key.place} into the keyring?"):
                _move(ring, key, environment, label, remove_lines)


def _found(environment: Mapping[str, str]) -> "list[FoundKey]":
    from app.services.doctor.ways_around import own_settings, places_of, repository_settings
    from app.services.found_keys import find_keys

    where = places_of(environment, Path.cwd())
    gateway_url = f"http://127.0.0.1:{places.read_settings().gateway_port}"
    return find_keys(environment, where.home, own_settings(where) + repository_settings(where), gateway_url)


def _move(ring: "KeyRing", key: "FoundKey", environment: Mapping[str, str], label: str, remove_lines: bool) -> None:
    from app.services.found_keys import can_remove, move_key, suggested_label

    removes = remove_lines and can_remove(key)
    chosen = label or suggested_label(ring, key)
    moved = move_key(ring, key, environment, label=chosen, removes_line=removes)
    console.say(f"The key for {moved.name.words} is in the keyring. {moved.words}")
