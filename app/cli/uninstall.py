"""`bursar uninstall`: what Bursar changed is given back, and what it keeps is deleted as far as a person says so."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app.cli import console, places

if TYPE_CHECKING:
    from app.services.removal import Traces

_LEDGER = "Delete the ledger with its backups? All that was spent is forgotten, and caps and virtual keys with it."
_KEYS = "Take the providers’ keys, and webhooks’ addresses, out of the keyring?"
_OTHERS = "Delete settings, logs and the meter’s certificates?"
_PROGRAM = (
    "The program itself goes as it came: sudo apt remove bursar, uv tool uninstall bursar, pipx uninstall bursar, "
    "Windows’ list of apps, macOS’ Trash, or by deleting the checkout."
)


def uninstall(
    yes: bool = typer.Option(False, "--yes", help="Give back what was changed without asking; data stays."),
    delete_data: bool = typer.Option(False, "--delete-data", help="With --yes: keys, ledger and all else go too."),
) -> None:
    """Disconnect agents, start no more at login, and delete what you say of keys, ledger and settings."""
    from app.keys.vault import KeyringVault
    from app.services import removal
    from app.services.system_service import own_exports, own_service, uninstall_service

    service = own_service(places.read_settings())  # what cannot be read is told before anything is changed
    beside = own_exports()
    with places.opened_ledger() as ledger:
        traces = removal.find_traces(ledger, os.environ, service)
        console.say(_story(traces, "is deleted" if yes and delete_data else "stays" if yes else "is asked about"))
        if not (yes or _agreed("Go on?")):
            console.tell("Nothing was changed. To go on without questions: bursar uninstall --yes")
            return
        if traces.service is not None:
            uninstall_service(traces.service)  # first, or the system starts the meter again
            console.say("The system keeps no meter any more.")
        if beside is not None and beside.is_installed:
            uninstall_service(beside)
            console.say("The system runs no exports any more.")
        if removal.end_meter(ledger):
            console.say("The meter is stopped.")
        traces = removal.find_traces(ledger, os.environ, service)  # with what the meter has written while it ended
        _say_all(removal.give_back(ledger, traces))
        if (traces.keys or traces.secrets) and _wanted(_KEYS, yes, delete_data):
            _say_all(removal.forget_keys(KeyringVault(), traces.keys, traces.secrets))
    going = [*(traces.ledger if traces.ledger and _wanted(_LEDGER, yes, delete_data) else ())]
    going += traces.others if traces.others and _wanted(_OTHERS, yes, delete_data) else ()
    _say_all(removal.delete(going))
    _say_all(removal.remove_folders(traces.folders))
    console.say(_PROGRAM)


def _story(traces: "Traces", fate: str) -> str:
    """What there is, and what becomes of it; `fate` is that of what a person may keep."""
    lines = [f"{traces.login} is removed." if traces.login else "Bursar does not start at login."]
    lines += ["bursar service is uninstalled."] if traces.service else []
    lines += [f"{agent} is disconnected and gets its own settings back." for agent in traces.agents]
    kept = [key.words for key in traces.keys]
    lines += [f"What the keyring keeps {fate}: the keys for {', '.join(kept)}."] if kept else []
    secrets = ", ".join(traces.secrets)
    lines += [f"What the keyring keeps of exports {fate}: {secrets}."] if secrets else []
    lines += [f"{folder} {fate}." for folder in _places(traces.ledger + traces.others)]
    return "\n".join(lines)


def _places(files: Iterable[Path]) -> list[Path]:
    return sorted({file.parent for file in files})


def _wanted(question: str, yes: bool, delete_data: bool) -> bool:
    return delete_data if yes else _agreed(question)


def _agreed(question: str) -> bool:
    return sys.stdin.isatty() and typer.confirm(question, default=False)


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        console.say(line)
