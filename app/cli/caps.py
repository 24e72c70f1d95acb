"""`bursar caps`: limits on spend."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.choosing import choose, short_id
from app.cli.simulate import simulate_cap
from app.core.caps import Action, Answer, Cap, Hold, Mode, cap_name
from app.core.errors import InvalidInput
from app.core.money import format_exact_usd, format_usd, parse_usd
from app.core.tags import Scope, clean_label
from app.core.windows import Window
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.cap_store import CapStatus
    from app.ledger.engine import Ledger

app = typer.Typer(help="List, show, add, edit, raise and remove caps.", no_args_is_help=True)
CAP = typer.Argument(help="The cap's id, or its name as listed.")
_HOLD_HELP = "What is held of each call: the most it can cost, what such calls come to, or what is left."
HOLD = typer.Option(Hold.STRICT, help=_HOLD_HELP)
EDITED_HOLD = typer.Option(None, "--hold", help=_HOLD_HELP)
ANSWER = typer.Option(None, help="What is answered when you do not; needs --answer-after.")
ANSWER_AFTER = typer.Option(None, min=1, help="After how many seconds of waiting that is.")
HEADERS = ["Id", "Cap", "Spent", "Held", "Limit", "At the limit", "Resets"]


class Weekday(StrEnum):
    """A day of the week, in the order of `week_start`."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@app.command("list")
def list_caps(as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts.")) -> None:
    """Show every cap and where it stands, tightest first."""
    from app.ledger.cap_store import cap_statuses

    with places.opened_ledger() as ledger:
        statuses = cap_statuses(ledger, datetime.now(UTC))
    if as_json:
        console.print_json([_as_values(status) for status in statuses])
    elif not statuses:
        console.say("No cap is set, so nothing is stopped for its cost. Set one with: bursar caps add 10 --each day")
    else:
        console.print_table(HEADERS, [_cells(status) for status in statuses], numbers=(2, 3, 4))


@app.command("add")
def add_cap(
    context: typer.Context,
    limit: str = typer.Argument(help="The limit in dollars, like 2.50."),
    each: Window = typer.Option(Window.DAY, help="How often it starts anew."),
    project: str | None = typer.Option(None, help="Applies to this project; * for each one on its own."),
    agent: str | None = typer.Option(None, help="Applies to this agent; * for each."),
    user: str | None = typer.Option(None, help="Applies to this user; * for each."),
    team: str | None = typer.Option(None, help="Applies to this team; * for each."),
    task: str | None = typer.Option(None, help="Applies to this task; * for each."),
    session: str | None = typer.Option(None, help="Applies to this session; * for each."),
    virtual_key: str | None = typer.Option(None, help="Applies to the key with this id; * for each."),
    provider: str | None = typer.Option(None, help="Applies to this provider; * for each."),
    model: str | None = typer.Option(None, help="Applies to this model; * for each."),
    at_limit: Action = typer.Option(Action.PAUSE, help="What the next call meets there."),
    alert: list[int] = typer.Option([80], help="Percentages at which you are told; may be given again."),
    time_zone: str = typer.Option("", help="IANA zone of its calendar; the machine's if left out."),
    week_start: Weekday = typer.Option(Weekday.MONDAY, help="On which day its weeks begin."),
    hold: Hold = HOLD,
    dry_run: bool = typer.Option(False, "--dry-run", help="Stop nothing, and write down what would have been."),
    answer: Answer | None = ANSWER,
    answer_after: int | None = ANSWER_AFTER,
    subscriptions: bool = typer.Option(
        False, "--subscriptions", help="Count what a subscription pays for too, at list price."
    ),
) -> None:
    """Set a cap. Without a project, agent … it applies to everything."""
    from app.ledger import cap_store

    scope, key = _scope(context.params)
    values = _given(at_limit, alert, hold, dry_run, answer, answer_after) | {
        "time_zone": time_zone or settings_zone(places.read_settings()),
        "week_start": list(Weekday).index(week_start),
        "counts_subscriptions": subscriptions,
    }
    with places.opened_ledger() as ledger:
        limit_nano_usd = parse_usd(limit)
        cap = cap_store.add_cap(
            ledger, scope=scope, scope_key=key, window=each, limit_nano_usd=limit_nano_usd, **values
        )
    console.say(_said(cap))


@app.command("edit")
def edit_cap(
    cap: str = CAP,
    limit: str = typer.Option("", help="A new limit in dollars."),
    at_limit: Action | None = typer.Option(None, help="What the next call meets at the limit."),
    alert: list[int] = typer.Option([], help="Percentages at which you are told; may be given again."),
    time_zone: str = typer.Option("", help="IANA zone of its calendar."),
    hold: Hold | None = EDITED_HOLD,
    dry_run: bool | None = typer.Option(None, "--dry-run/--in-force", help="Stop nothing, or stop calls."),
    answer: Answer | None = ANSWER,
    answer_after: int | None = ANSWER_AFTER,
    no_answer: bool = typer.Option(False, "--no-answer", help="Let calls wait for you alone."),
    subscriptions: bool | None = typer.Option(
        None, "--subscriptions/--money-only", help="Count what a subscription pays for too, or not."
    ),
) -> None:
    """Change a cap for good. What is left out stays."""
    from app.ledger.cap_store import update_cap

    values = _given(at_limit, alert, hold, dry_run, answer, answer_after)
    if time_zone:
        values["time_zone"] = time_zone
    if no_answer:
        values |= {"default_answer": None, "answer_after_s": None}
    if subscriptions is not None:
        values["counts_subscriptions"] = subscriptions
    with places.opened_ledger() as ledger:
        old = _find(ledger, cap)
        new = replace(old, limit_nano_usd=parse_usd(limit) if limit else old.limit_nano_usd, **values)
        update_cap(ledger, new)
    console.say(_said(new))


@app.command("raise")
def raise_cap(
    cap: str = CAP,
    limit: str = typer.Argument("", help="The new limit in dollars."),
    by: str = typer.Option("", "--by", help="An amount to raise it by, instead of a new limit."),
    hours: float = typer.Option(0, "--hours", min=0, help="For how long; without it, until its window ends."),
) -> None:
    """Raise a cap for a time or until its running window ends. Calls that wait for it go on."""
    from app.ledger.raise_store import raise_by

    if bool(limit) == bool(by):
        raise InvalidInput("How much", "Give a new limit, or an amount with --by.")
    with places.opened_ledger() as ledger:
        chosen = _find(ledger, cap)
        status = _status_of(ledger, chosen)
        amount = parse_usd(by) if by else parse_usd(limit) - status.limit_nano_usd
        until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
        raise_by(ledger, chosen.cap_id, status.window_key, amount, until=until, by=places.user_name())
    console.say(
        f"{cap_name(chosen)}: {format_usd(status.limit_nano_usd + amount)} until {_reset(until or status.ends_at)}."
    )


@app.command("show")
def show_cap(cap: str = CAP, as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts.")) -> None:
    """Show one cap: where it stands, its raises, what it would have stopped in dry run, how well it holds."""
    from app.cli.cap_story import print_story, story_values
    from app.ledger.experience import learned_bound
    from app.ledger.observation_store import count_observations, observations_of
    from app.ledger.raise_store import live_raises

    with places.opened_ledger() as ledger:
        chosen = _find(ledger, cap)
        status = _status_of(ledger, chosen)
        seen = observations_of(ledger, chosen.cap_id)
        count = count_observations(ledger, chosen.cap_id)
        bound = learned_bound(ledger, chosen) if chosen.hold is Hold.LEARNED else None
        raises = live_raises(ledger, chosen.cap_id)
    if as_json:
        console.print_json(_as_values(status) | story_values(seen, count, raises, bound))
        return
    console.print_table(HEADERS, [_cells(status)], numbers=(2, 3, 4))
    print_story(chosen, seen, count, raises, bound)


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


app.command("simulate")(simulate_cap)


def _said(cap: Cap) -> str:
    at_limit = "nothing is stopped, what would be is written down" if cap.is_dry_run else _ACTION_WORDS[cap.action]
    also = " What a subscription pays for counts too." if cap.counts_subscriptions else ""
    return f"{cap_name(cap)}: {format_usd(cap.limit_nano_usd)}, then {at_limit}.{also}"


def _given(
    at_limit: Action | None,
    alert: list[int],
    hold: Hold | None,
    dry_run: bool | None,
    answer: Answer | None,
    answer_after: int | None,
) -> dict[str, Any]:
    """The fields of a cap that were named."""
    mode = None if dry_run is None else Mode.OBSERVE if dry_run else Mode.ENFORCE
    named = {
        "action": at_limit, "alert_percents": tuple(alert) or None, "hold": hold, "mode": mode,
        "default_answer": answer, "answer_after_s": answer_after,
    }  # fmt: skip
    return {name: value for name, value in named.items() if value is not None}


def _scope(named: Mapping[str, Any]) -> tuple[Scope, str]:
    """The one scope that was named, or everything. Raises InvalidInput for several.

    An empty name is named all the same: a script's empty variable must not turn into a cap on everything.
    """
    given = [(scope, clean_label(named[scope])) for scope in Scope if named.get(scope) is not None]
    if len(given) > 1:
        raise InvalidInput("A cap applies to one thing", "Give one of --project, --agent, --user … and no second.")
    return given[0] if given else (Scope.EVERYTHING, "")


def _status_of(ledger: "Ledger", cap: Cap) -> "CapStatus":
    from app.ledger.cap_store import cap_statuses

    return next(one for one in cap_statuses(ledger, datetime.now(UTC)) if one.cap.cap_id == cap.cap_id)


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
        "dry run" if status.cap.is_dry_run else status.cap.action,
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
        "hold": cap.hold,
        "dry_run": cap.is_dry_run,
        "default_answer": cap.default_answer,
        "answer_after_s": cap.answer_after_s,
        "counts_subscriptions": cap.counts_subscriptions,
        "time_zone": cap.time_zone,
        "week_start": cap.week_start,
        "spent_usd": format_exact_usd(status.spent_nano_usd),
        "held_usd": format_exact_usd(status.held_nano_usd),
        "limit_usd": format_exact_usd(status.limit_nano_usd),
        "unpriced_calls": status.unpriced_calls,
        "level": status.level,
        "resets_at": status.ends_at.isoformat() if status.ends_at else None,
    }
