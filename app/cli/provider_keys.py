"""`bursar keys provider`: the providers' own keys, kept in the system keyring.

A key is read from standard input or typed unseen, never taken as an argument: arguments stand in the shell's history
and in every process list.
"""

import getpass
import sys
from datetime import UTC, datetime

import typer

from app.cli import console, places
from app.core.errors import InvalidInput
from app.core.providers import PROVIDERS, provider_named

app = typer.Typer(help="The providers' own keys, kept in the system keyring.", no_args_is_help=True)
MAX_KEY_LENGTH = 4096


def _known(name: str) -> str:
    """A provider's name as it was given. Raises BadParameter for none that Bursar knows."""
    if provider_named(name) is None:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(provider.name for provider in PROVIDERS)}.")
    return name


@app.command("set")
def set_key(provider: str = typer.Argument(callback=_known, help="Whose key it is.")) -> None:
    """Put a provider's key into the keyring; typed unseen, or read from standard input."""
    from app.keys.vault import KeyringVault
    from app.ledger.provider_key_store import note_provider_key

    key = check_provider_key(_read_key(provider))
    with places.opened_ledger() as ledger:
        KeyringVault().set(provider, key)
        note_provider_key(ledger, provider, datetime.now(UTC))
    console.say(f"The key for {provider} is in the keyring. Agents never see it.")


@app.command("list")
def list_keys(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """Show which providers have a key. The keys themselves are never shown."""
    from app.ledger.provider_key_store import list_provider_keys

    with places.opened_ledger() as ledger:
        keys = list_provider_keys(ledger)
    if as_json:
        console.print_json([{"provider": key.provider, "added_at": key.added_at.isoformat()} for key in keys])
    elif not keys:
        console.say("No provider key yet. Add one with: bursar keys provider set anthropic")
    else:
        rows = [[key.provider, f"{key.added_at.astimezone():%Y-%m-%d %H:%M}"] for key in keys]
        console.print_table(["Provider", "Added"], rows)


@app.command("remove")
def remove_key(provider: str = typer.Argument(callback=_known, help="Whose key it is.")) -> None:
    """Take a provider's key out of the keyring."""
    from app.keys.vault import KeyringVault
    from app.ledger.provider_key_store import forget_provider_key

    with places.opened_ledger() as ledger:
        KeyringVault().delete(provider)
        forget_provider_key(ledger, provider)
    console.say(f"The key for {provider} is removed.")


def check_provider_key(text: str) -> str:
    """A provider's key as it goes into the keyring. Raises InvalidInput, without the text, for what cannot be one."""
    from app.keys.virtual_keys import PREFIX

    key = text.strip()
    if not key:
        raise InvalidInput("No key was given", "Type it when asked, or pipe it in.")
    if len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput("This is not a key", "A key is one word of plain letters, digits and signs.")
    if key.startswith(PREFIX):
        raise InvalidInput("This is a virtual key", "Agents hold those. Here the provider's own key is needed.")
    return key


def _read_key(provider: str) -> str:
    if sys.stdin.isatty():
        return getpass.getpass(f"Key for {provider} (not shown): ")
    return sys.stdin.readline()
