"""`bursar keys`: virtual keys that agents hold."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places, provider_keys
from app.cli.choosing import choose, short_id
from app.cli.durations import parse_duration
from app.core.caps import Action, Cap
from app.core.key_limits import KeyCap, KeyLimits, model_patterns
from app.core.money import format_exact_usd, format_usd, parse_usd
from app.core.providers import PROVIDERS, provider_named
from app.core.tags import Scope, Tags, clean_label
from app.core.windows import Window
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.engine import Ledger
    from app.ledger.key_store import VirtualKey

app = typer.Typer(help="Virtual keys that agents hold, and the providers' own keys.", no_args_is_help=True)
app.add_typer(provider_keys.app, name="provider")
KEY = typer.Argument(help="The key's name, id, or first characters.")
AS_JSON = typer.Option(False, "--json", help="For scripts: exact amounts.")


class Per(StrEnum):
    """How often a key's cap starts anew."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"


_PER_WORDS = {Window.DAY: "a day", Window.WEEK: "a week", Window.MONTH: "a month", Window.TOTAL: "in total"}


def _known_providers(names: list[str]) -> list[str]:
    """Names of providers as they were given. Raises BadParameter for one that Bursar does not know."""
    for name in names:
        if provider_named(name) is None:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(one.name for one in PROVIDERS)}.")
    return names


@app.command("list")
def list_keys(
    every: bool = typer.Option(False, "--all", help="Also the revoked ones."), as_json: bool = AS_JSON
) -> None:
    """Show the virtual keys, newest first."""
    from app.ledger import key_store

    with places.opened_ledger() as ledger:
        keys = key_store.list_keys(ledger, include_revoked=every)
        caps = _caps_of_keys(ledger)
    if as_json:
        console.print_json([_as_values(key, caps.get(key.key_id)) for key in keys])
    elif not keys:
        console.say("No virtual key yet. Make one with: bursar keys issue NAME --project P")
    else:
        headers = ["Id", "Name", "Key", "Project", "Agent", "May use", "State", "Last used", "Spent"]
        console.print_table(headers, [_cells(key, caps.get(key.key_id)) for key in keys], numbers=(8,))


@app.command("issue")
def issue_key(
    name: str = typer.Argument(help="What to call it, like codex-laptop."),
    project: str = typer.Option("", help="The project its calls are charged to."),
    agent: str = typer.Option("", help="The agent that will hold it."),
    task: str = typer.Option("", help="The task, if the key is for one."),
    team: str = typer.Option("", help="The team."),
    user: str = typer.Option("", help="The user; you if left out."),
    days: int | None = typer.Option(None, min=1, max=3650, help="Days until it expires; never if left out."),
    provider: list[str] = typer.Option(
        [], callback=_known_providers, help="A provider it may be used for; may be given again. All if left out."
    ),
    model: list[str] = typer.Option([], help="A model it may be used for, like claude-haiku-*; may be given again."),
    cap: str = typer.Option("", help="Dollars that its calls may cost, like 5."),
    per: Per = typer.Option(Per.DAY, help="How often that starts anew."),
    at_limit: Action = typer.Option(Action.PAUSE, help="What the next call meets there."),
    as_json: bool = typer.Option(False, "--json", help="For scripts."),
) -> None:
    """Make a virtual key and show it, this once."""
    from app.keys import issue

    tags = Tags(*(clean_label(label) for label in (project, agent, user or places.user_name(), team, task)))
    limits = KeyLimits(tuple(dict.fromkeys(provider)), model_patterns(model))
    key_cap = _key_cap(cap, per, at_limit) if cap else None
    with places.opened_ledger() as ledger:
        key, token = issue.issue_key(
            ledger, name=clean_label(name), tags=tags, expires_at=_expiry(days), limits=limits, cap=key_cap
        )
        _show_token(ledger, key, token, as_json=as_json)


@app.command("rotate")
def rotate_key(
    key: str = KEY,
    grace: str = typer.Option("", help="How long the old one stays good, like 10m; not at all if left out."),
    as_json: bool = typer.Option(False, "--json", help="For scripts."),
) -> None:
    """Give a key another token and show that, this once. What it is charged to, its limits and its cap stay."""
    from app.keys import issue

    length = parse_duration(grace) if grace else issue.AT_ONCE
    with places.opened_ledger() as ledger:
        rotated, token = issue.rotate_key(ledger, _chosen(ledger, key).key_id, length)
        _show_token(ledger, rotated, token, as_json=as_json)


@app.command("revoke")
def revoke_key(key: str = KEY) -> None:
    """Revoke a virtual key. The next call with it is refused."""
    from app.ledger import key_store

    with places.opened_ledger() as ledger:
        chosen = _chosen(ledger, key)
        key_store.revoke_key(ledger, chosen.key_id)
    console.say(f"“{chosen.name}” is revoked. Its next call is refused.")


def _chosen(ledger: "Ledger", text: str) -> "VirtualKey":
    from app.ledger import key_store

    keys = key_store.list_keys(ledger)
    return choose(keys, text, lambda one: (one.key_id, one.name, one.prefix), kind="key", listing="bursar keys list")


def _expiry(days: int | None) -> datetime | None:
    return datetime.now(UTC) + timedelta(days=days) if days else None


def _key_cap(cap: str, per: Per, at_limit: Action) -> KeyCap:
    return KeyCap(parse_usd(cap), Window(per), at_limit, settings_zone(places.read_settings()))


def _caps_of_keys(ledger: "Ledger") -> dict[str, Cap]:
    """One cap for each key that has any of its own."""
    from app.ledger.cap_store import list_caps

    return {cap.scope_key: cap for cap in list_caps(ledger) if cap.scope is Scope.VIRTUAL_KEY}


def _show_token(ledger: "Ledger", key: "VirtualKey", token: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json(_as_values(key, _caps_of_keys(ledger).get(key.key_id)) | {"key": token})
        return
    console.tell("Copy this key now. It is not stored and cannot be shown again.")
    if key.old_until is not None:
        console.tell(f"The old one is good until {_clock(key.old_until)}.")
    console.say(token)


def _cells(key: "VirtualKey", cap: Cap | None) -> list[str]:
    used = _clock(key.last_used_at) if key.last_used_at else "never"
    may_use = "; ".join(part for part in (key.limits.words, _cap_words(cap)) if part)
    spent = format_usd(key.spent_nano_usd)
    return [
        short_id(key.key_id), key.name, f"{key.prefix}…", key.tags.project, key.tags.agent, may_use or "all",
        _told_state(key), used, spent,
    ]  # fmt: skip


def _cap_words(cap: Cap | None) -> str:
    return "" if cap is None else f"{format_usd(cap.limit_nano_usd)} {_PER_WORDS.get(cap.window, cap.window.value)}"


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone():%Y-%m-%d %H:%M}"


def _state(key: "VirtualKey") -> str:
    now = datetime.now(UTC)
    if key.revoked_at is not None:
        return "revoked"
    if not key.is_live(now):
        return "expired"
    return "in use" if key.last_used_at else "not used yet"


def _told_state(key: "VirtualKey") -> str:
    now = datetime.now(UTC)
    parts = [_state(key)]
    if key.is_live(now) and key.old_until is not None and key.old_until > now:
        parts.append(f"old one until {_clock(key.old_until)}")
    if key.is_live(now) and key.expires_at is not None:
        parts.append(f"until {_clock(key.expires_at)}")
    return ", ".join(parts)


def _as_values(key: "VirtualKey", cap: Cap | None) -> dict[str, Any]:
    names = ("created_at", "expires_at", "revoked_at", "last_used_at", "rotated_at", "old_until")
    instants = {name: getattr(key, name) for name in names}
    labels = {name: getattr(key.tags, name) for name in ("project", "agent", "user", "team", "task")}
    return {
        "id": key.key_id,
        "name": key.name,
        "prefix": key.prefix,
        **labels,
        "providers": key.limits.providers,
        "models": key.limits.models,
        "cap": None if cap is None else {"limit_usd": format_exact_usd(cap.limit_nano_usd), "window": cap.window},
        "state": _state(key),
        **{name: instant.isoformat() if instant else None for name, instant in instants.items()},
        "spent_usd": format_exact_usd(key.spent_nano_usd),
        "subscription_usd": format_exact_usd(key.subscription_nano_usd),
    }
