"""`bursar keys provider`: the providers' own keys, kept in the system keyring.

A key is read from standard input or typed unseen, never taken as an argument: arguments stand in the shell's history
and in every process list.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from app.cli import console, places
from app.cli.adopt_keys import adopt_keys
from app.core.errors import InvalidInput
from app.core.provider_keys import KeyName, ProviderKey, Trial, clean_key_label, trial_words
from app.core.providers import PROVIDERS, provider_at, provider_named

if TYPE_CHECKING:
    from app.services.provider_keys import KeyRing

app = typer.Typer(help="The providers' own keys, kept in the system keyring.", no_args_is_help=True)
app.command("adopt")(adopt_keys)


def _known(given: str) -> str:
    """A provider's name, given as such or by its host. Raises BadParameter for none that Bursar knows."""
    provider = provider_named(given) or provider_at(given)
    if provider is not None:
        return provider.name
    if "." in given:
        raise typer.BadParameter(
            f"Bursar cannot meter {given[:80]!r}: it does not know how that host is spoken to. If it speaks as a known "
            "provider does, name it under “upstreams” in the settings, and keep its key as that provider’s."
        )
    raise typer.BadParameter(f"{given[:80]!r} is not one of {', '.join(provider.name for provider in PROVIDERS)}.")


PROVIDER = typer.Argument(callback=_known, help="Whose key it is.")
LABEL = typer.Option("", "--label", help="Which of its keys, where there are several.")


@app.command("set")
def set_key(provider: str = PROVIDER, label: str = LABEL) -> None:
    """Put a provider's key into the keyring; typed unseen, or read from standard input."""
    from app.services.provider_keys import check_key, keep_key

    name = KeyName(provider, clean_key_label(label))
    key = check_key(console.read_secret(f"Key for {name.words}"))
    with opened_key_ring() as ring:
        keep_key(ring, name, key)
    console.say(f"The key for {name.words} is in the keyring. Agents never see it.")


@app.command("list")
def list_keys(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """Show which providers have a key, which of them calls use, and what the last test said. No key is shown."""
    from app.ledger.provider_key_store import list_provider_keys

    with places.opened_ledger() as ledger:
        keys = list_provider_keys(ledger)
    if as_json:
        console.print_json([_as_json(key) for key in keys])
    elif not keys:
        console.say("No provider key yet. Add one with: bursar keys provider set anthropic")
    else:
        rows = [
            [key.name.provider, key.name.label, _state(key), _use(key), *map(_minute, (key.added_at, key.last_used_at))]
            for key in keys
        ]
        console.print_table(["Provider", "Label", "State", "Used by", "Added", "Last used"], rows)


@app.command("test")
def prove_keys(
    provider: str = typer.Argument("", callback=lambda given: given and _known(given), help="All of them if left out."),
    label: str = LABEL,
) -> None:
    """Ask each provider, where that is free, whether it takes its key. Status 1 when one does not."""
    from app.ledger.provider_key_store import list_provider_keys
    from app.services.provider_keys import prove_key

    wanted = KeyName(provider, clean_key_label(label))
    with opened_key_ring() as ring:
        names = [key.name for key in list_provider_keys(ring.ledger)]
        if provider:
            names = [name for name in names if name == wanted or (name.provider == provider and not label)]
        if not names:
            raise InvalidInput("No such key", "See: bursar keys provider list")
        trials = [prove_key(ring, name) for name in names]
    for name, trial in zip(names, trials, strict=True):
        console.say(f"{name.words}: {trial_words(name.provider, trial)}")
    if any(trial in (Trial.REFUSED, Trial.UNREACHABLE) for trial in trials):
        raise typer.Exit(1)


@app.command("rotate")
def rotate_key(
    provider: str = PROVIDER,
    label: str = LABEL,
    untested: bool = typer.Option(False, "--untested", help="Replace it whatever the provider says of the new one."),
) -> None:
    """Put a new key in the place of the old one, once the provider takes it. A running meter uses it from then on."""
    from app.services.provider_keys import check_key, replace_key

    name = KeyName(provider, clean_key_label(label))
    key = check_key(console.read_secret(f"Key for {name.words}"))
    with opened_key_ring() as ring:
        trial = replace_key(ring, name, key, is_forced=untested)
    console.say(f"{name.words}: {trial_words(provider, trial)}. Calls use the new key now; revoke the old one there.")


@app.command("use")
def use_key(
    provider: str = PROVIDER,
    label: str = LABEL,
    project: str = typer.Option("", "--project", help="For the calls of this project only."),
    reset: bool = typer.Option(False, "--reset", help="Let the project use the default again."),
) -> None:
    """Choose which of a provider's keys calls use: by default, or those of one project."""
    from app.ledger import provider_key_store

    name = KeyName(provider, clean_key_label(label))
    with places.opened_ledger() as ledger:
        if reset:
            provider_key_store.unset_project_key(ledger, project, provider)
        elif project:
            provider_key_store.set_project_key(ledger, project, name)
        else:
            provider_key_store.set_default_key(ledger, name)
    whose = f"Calls of {project}" if project else "Calls that are told no other key"
    console.say(f"{whose} use {'the default key' if reset else 'the key'} for {name.words} from now on.")


@app.command("remove")
def remove_key(provider: str = PROVIDER, label: str = LABEL) -> None:
    """Take a provider's key out of the keyring. Projects that used it use the provider's default key."""
    from app.services import provider_keys

    name = KeyName(provider, clean_key_label(label))
    with opened_key_ring() as ring:
        provider_keys.remove_key(ring, name)
    console.say(f"The key for {name.words} is removed.")


@contextmanager
def opened_key_ring() -> "Iterator[KeyRing]":
    """Keyring, ledger and settings."""
    from app.keys.vault import KeyringVault
    from app.services.provider_keys import KeyRing

    with places.opened_ledger() as ledger:
        yield KeyRing(ledger, KeyringVault(), places.read_settings().upstreams)


def _state(key: ProviderKey) -> str:
    said = trial_words(key.name.provider, key.trial)
    return said if key.tested_at is None else f"{said}, {_minute(key.tested_at)}"


def _use(key: ProviderKey) -> str:
    return ", ".join([*(["default"] if key.is_default else []), *key.projects])


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M}"


def _as_json(key: ProviderKey) -> dict[str, object]:
    return {
        "provider": key.name.provider,
        "label": key.name.label,
        "added_at": key.added_at.isoformat(),
        "is_default": key.is_default,
        "projects": list(key.projects),
        "trial": key.trial.value,
        "tested_at": None if key.tested_at is None else key.tested_at.isoformat(),
        "last_used_at": None if key.last_used_at is None else key.last_used_at.isoformat(),
    }
