"""`bursar caps`: limits on spend."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.choosing import choose, short_id
from app.core.caps import Action, Cap, cap_name
from app.core.errors import InvalidInput
from app.core.money import format_exact_usd, format_usd, parse_usd
from app.core.tags import Scope, clean_label
from app.core.windows import Window
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.cap_store import CapStatus
    from app.ledger.engine import Ledger

app = typer.Typer(help="List, add, edit, raise and remove caps.", no_args_is_help=True)
CAP = typer.Argument(help="The cap's id, or its name as listed.")


@app.command("list")
def list_caps(as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts.")) -> None:
    """Show every cap and where it stands, tightest first."""
    from app.ledger.cap_store import cap_statuses

    with places.opened_ledger() as ledger:
        statuses = cap_statuses(ledger, datetime.now(UTC))
    if as_json:
        console.print_json([_as_values(status) for status in statuses])
    elif not statuses:
        console.say("No cap is set, so nothing is ever stopped. Set one with: bursar caps add 10 --each day")
    else:
        headers = ["Id", "Cap", "Spent", "Held", "Limit", "At the limit", "Resets"]
        console.print_table(headers, [_cells(status) for status in statuses], numbers=(2, 3, 4))


@app.command("add")
def add_cap(
    limit: str = typer.Argument(help="The limit in dollars, like 2.50."),
    each: Window = typer.Option(Window.DAY, help="How often it starts anew."),
    project: str | None = typer.Option(None, help="Applies to this project; * for each one on its own."),
    agent: str | None = typer.Option(None, help="Applies to this agent; * for each."),
    user: str | None = typer.Option(None, help="Applies to this user; * for each."),
    team: str | None = typer.Option(None, help="Applies to this team; * for each."),
    task: str | None = typer.Option(None, help="Applies to this task; * for each."),
    provider: str | None = typer.Option(None, help="Applies to this provider; * for each."),
    model: str | None = typer.Option(None, help="Applies to this model; * for each."),
    at_limit: Action = typer.Option(Action.PAUSE, help="What the next call meets there."),
    alert: list[int] = typer.Option([80], help="Percentages at which you are told; may be given again."),
    time_zone: str = typer.Option("", help="IANA zone of its calendar; the machine's if left out."),
) -> None:
    """Set a cap. Without a project, agent … it applies to everything."""
    from app.ledger import cap_store

    named = {
        Scope.PROJECT: project, Scope.AGENT: agent, Scope.USER: user, Scope.TEAM: team,
        Scope.TASK: task, Scope.PROVIDER: provider, Scope.MODEL: model,
    }  # fmt: skip
    scope, key = _scope(named)
    with places.opened_ledger() as ledger:
        cap = cap_store.add_cap(
            ledger,
            scope=scope,
            scope_key=key,
            window=each,
            limit_nano_usd=parse_usd(limit),
            action=at_limit,
            alert_percents=tuple(alert),
            time_zone=time_zone or settings_zone(places.read_settings()),
        )
    console.say(f"{cap_name(cap)}: {format_usd(cap.limit_nano_usd)}, then {_ACTION_WORDS[cap.action]}.")


@app.command("edit")
def edit_cap(
    cap: str = CAP,
    limit: str = typer.Option("", help="A new limit in dollars."),
    at_limit: Action | None = typer.Option(None, help="What the next call meets at the limit."),
    alert: list[int] = typer.Option([], help="Percentages at which you are told; may be given again."),
    time_zone: str = typer.Option("", help="IANA zone of its calendar."),
) -> None:
    """Change a cap for good. What is left out stays."""
    from dataclasses import replace

    from app.ledger.cap_store import update_cap

    with places.opened_ledger() as ledger:
        old = _find(ledger, cap)
        new = replace(
            old,
            limit_nano_usd=parse_usd(limit) if limit else old.limit_nano_usd,
            action=at_limit or old.action,
            alert_percents=tuple(alert) or old.alert_percents,
            time_zone=time_zone or old.time_zone,
        )
        update_cap(ledger, new)
    console.say(f"{cap_name(new)}: {format_usd(new.limit_nano_usd)}, then {_ACTION_WORDS[new.action]}.")


@app.command("raise")
def raise_cap(cap: str = CAP, limit: str = typer.Argument(help="The new limit in dollars.")) -> None:
    """Raise a cap until its running window ends. Calls that wait for it go on."""
    from app.ledger.cap_store import cap_statuses
    from app.ledger.raise_store import raise_window

    nano = parse_usd(limit)
    with places.opened_ledger() as ledger:
        chosen = _find(ledger, cap)
        status = next(one for one in cap_statuses(ledger, datetime.now(UTC)) if one.cap.cap_id == chosen.cap_id)
        raise_window(ledger, chosen.cap_id, status.window_key, nano)
    console.say(f"{cap_name(chosen)}: {format_usd(nano)} until {_reset(status.ends_at)}.")


@app.command("remove")
def remove_cap(cap: str = CAP) -> None:
    """Remove a cap. Nothing is stopped by it any more."""
    from app.ledger import cap_store

    with places.opened_ledger() as ledger:
        chosen = _find(ledger, cap)
        cap_store.remove_cap(ledger, chosen.cap_id)
    console.say(f"{cap_name(chosen)} is removed.")


_ACTION_WORDS = {
    Action.PAUSE: "calls wait and you are asked",
    Action.BLOCK: "calls are refused",
    Action.ALERT: "you are told and nothing is stopped",
}


def _scope(named: dict[Scope, str | None]) -> tuple[Scope, str]:
    """The one scope that was named, or everything. Raises InvalidInput for several.

    An empty name is named all the same: a script's empty variable must not turn into a cap on everything.
    """
    given = [(scope, clean_label(key)) for scope, key in named.items() if key is not None]
    if len(given) > 1:
        raise InvalidInput("A cap applies to one thing", "Give one of --project, --agent, --user … and no second.")
    return given[0] if given else (Scope.EVERYTHING, "")


def _find(ledger: "Ledger", text: str) -> Cap:
    from app.ledger.cap_store import list_caps

    return choose(
        list_caps(ledger), text, lambda cap: (cap.cap_id, cap_name(cap)), kind="cap", listing="bursar caps list"
    )


def _cells(status: "CapStatus") -> list[str]:
    spent = format_usd(status.spent_nano_usd) + ("+" if status.has_unpriced else "")
    return [
        short_id(status.cap.cap_id),
        cap_name(status.cap),
        spent,
        format_usd(status.held_nano_usd),
        format_usd(status.limit_nano_usd),
        status.cap.action,
        _reset(status.ends_at) if status.ends_at else "never",
    ]


def _reset(ends_at: datetime | None) -> str:
    return f"{ends_at.astimezone():%Y-%m-%d %H:%M}" if ends_at else "it is edited"


def _as_values(status: "CapStatus") -> dict[str, Any]:
    cap = status.cap
    return {
        "id": cap.cap_id,
        "name": cap_name(cap),
        "scope": cap.scope,
        "scope_key": cap.scope_key,
        "window": cap.window,
        "window_key": status.window_key,
        "action": cap.action,
        "alert_percents": cap.alert_percents,
        "time_zone": cap.time_zone,
        "spent_usd": format_exact_usd(status.spent_nano_usd),
        "held_usd": format_exact_usd(status.held_nano_usd),
        "limit_usd": format_exact_usd(status.limit_nano_usd),
        "unpriced_calls": status.unpriced_calls,
        "level": status.level,
        "resets_at": status.ends_at.isoformat() if status.ends_at else None,
    }
