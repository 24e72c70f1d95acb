"""`bursar keys`: virtual keys that agents hold."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places, provider_keys
from app.cli.choosing import choose, short_id
from app.core.money import format_exact_usd, format_usd
from app.core.tags import Tags, clean_label

if TYPE_CHECKING:
    from app.ledger.key_store import VirtualKey

app = typer.Typer(help="Virtual keys that agents hold, and the providers' own keys.", no_args_is_help=True)
app.add_typer(provider_keys.app, name="provider")


@app.command("list")
def list_keys(
    every: bool = typer.Option(False, "--all", help="Also the revoked ones."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show the virtual keys, newest first."""
    from app.ledger import key_store

    with places.opened_ledger() as ledger:
        keys = key_store.list_keys(ledger, include_revoked=every)
    if as_json:
        console.print_json([_as_values(key) for key in keys])
    elif not keys:
        console.say("No virtual key yet. Make one with: bursar keys issue NAME --project P")
    else:
        headers = ["Id", "Name", "Key", "Project", "Agent", "State", "Last used", "Spent"]
        console.print_table(headers, [_cells(key) for key in keys], numbers=(7,))


@app.command("issue")
def issue_key(
    name: str = typer.Argument(help="What to call it, like codex-laptop."),
    project: str = typer.Option("", help="The project its calls are charged to."),
    agent: str = typer.Option("", help="The agent that will hold it."),
    task: str = typer.Option("", help="The task, if the key is for one."),
    team: str = typer.Option("", help="The team."),
    user: str = typer.Option("", help="The user; you if left out."),
    days: int | None = typer.Option(None, min=1, max=3650, help="Days until it expires; never if left out."),
    as_json: bool = typer.Option(False, "--json", help="For scripts."),
) -> None:
    """Make a virtual key and show it, this once."""
    from app.keys import issue

    tags = Tags(*(clean_label(label) for label in (project, agent, user or places.user_name(), team, task)))
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    with places.opened_ledger() as ledger:
        key, token = issue.issue_key(ledger, name=clean_label(name), tags=tags, expires_at=expires_at)
    if as_json:
        console.print_json(_as_values(key) | {"key": token})
        return
    console.tell("Copy this key now. It is not stored and cannot be shown again.")
    console.say(token)


@app.command("revoke")
def revoke_key(key: str = typer.Argument(help="The key's name, id, or first characters.")) -> None:
    """Revoke a virtual key. The next call with it is refused."""
    from app.ledger import key_store

    with places.opened_ledger() as ledger:
        chosen = choose(
            key_store.list_keys(ledger),
            key,
            lambda one: (one.key_id, one.name, one.prefix),
            kind="key",
            listing="bursar keys list",
        )
        key_store.revoke_key(ledger, chosen.key_id)
    console.say(f"“{chosen.name}” is revoked. Its next call is refused.")


def _cells(key: "VirtualKey") -> list[str]:
    used = f"{key.last_used_at.astimezone():%Y-%m-%d %H:%M}" if key.last_used_at else "never"
    shown = f"{key.prefix}…"
    spent = format_usd(key.spent_nano_usd)
    return [short_id(key.key_id), key.name, shown, key.tags.project, key.tags.agent, _state(key), used, spent]


def _state(key: "VirtualKey") -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
        return "expired"
    return "in use" if key.last_used_at else "not used yet"


def _as_values(key: "VirtualKey") -> dict[str, Any]:
    instants = {name: getattr(key, name) for name in ("created_at", "expires_at", "revoked_at", "last_used_at")}
    labels = {name: getattr(key.tags, name) for name in ("project", "agent", "user", "team", "task")}
    return {
        "id": key.key_id,
        "name": key.name,
        "prefix": key.prefix,
        **labels,
        **{name: instant.isoformat() if instant else None for name, instant in instants.items()},
        "spent_usd": format_exact_usd(key.spent_nano_usd),
    }
