"""`bursar caps`: limits on spend."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.choosing import choose, short_id
from app.cli.simulate import simulate_cap
from app.cli.team_door import opened_team, opened_team_if_any
from app.cli.weekdays import Weekday
from app.core.caps import Action, Answer, Cap, Hold, Mode, cap_name
from app.core.errors import InvalidInput
from app.core.money import format_exact_usd, format_usd, parse_usd
from app.core.tags import Scope, clean_label, clean_name
from app.core.windows import Window
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.cap_store import CapStatus
    from app.services.cap_books import CapBook

app = typer.Typer(help="List, show, add, edit, raise and remove caps.", no_args_is_help=True)
CAP = typer.Argument(help="The cap's id, or its name as listed.")
_HOLD_HELP = "What is held of each call: the most it can cost, what such calls come to, or what is left."
HOLD = typer.Option(Hold.STRICT, help=_HOLD_HELP)
EDITED_HOLD = typer.Option(None, "--hold", help=_HOLD_HELP)
ANSWER = typer.Option(None, help="What is answered when you do not; needs --answer-after.")
ANSWER_AFTER = typer.Option(None, min=1, help="After how many seconds of waiting that is.")
FOR_TEAM = typer.Option(False, "--for-team", help="Of the team that you joined; for its leads.")
HEADERS = ["Id", "Cap", "Spent", "Held", "Limit", "At the limit", "Resets"]


@app.command("list")
def list_caps(as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts.")) -> None:
    """Show every cap and where it stands, tightest first."""
    with _opened_books() as books:
        statuses = [(status, book.is_team) for book in books for status in book.statuses()]
    if as_json:
        console.print_json([_as_values(status) | {"is_team": is_team} for status, is_team in statuses])
    elif not statuses:
        console.say("No cap is set, so nothing is stopped for its cost. Set one with: bursar caps add 10 --each day")
    else:
        rows = [_cells(status, is_team=is_team) for status, is_team in statuses]
        console.print_table(HEADERS, rows, numbers=(2, 3, 4))


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
    for_team: bool = FOR_TEAM,
) -> None:
    """Set a cap. Without a project, agent … it applies to everything."""
    from app.ledger.identifiers import new_id

    scope, key = _scope(context.params)
    values = _given(at_limit, alert, hold, dry_run, answer, answer_after) | {
        "time_zone": time_zone or settings_zone(places.read_settings()),
        "week_start": list(Weekday).index(week_start),
        "counts_subscriptions": subscriptions,
    }
    cap = Cap(new_id(), scope, clean_name(key), each, parse_usd(limit), **values)
    with _opened_book(for_team=for_team) as book:
        book.add(cap)
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
    for_team: bool = FOR_TEAM,
) -> None:
    """Change a cap for good. What is left out stays."""
    values = _given(at_limit, alert, hold, dry_run, answer, answer_after)
    if time_zone:
        values["time_zone"] = time_zone
    if no_answer:
        values |= {"default_answer": None, "answer_after_s": None}
    if subscriptions is not None:
        values["counts_subscriptions"] = subscriptions
    with _opened_book(for_team=for_team) as book:
        old = _find(book, cap).cap
        new = replace(old, limit_nano_usd=parse_usd(limit) if limit else old.limit_nano_usd, **values)
        book.update(new)
    console.say(_said(new))


@app.command("raise")
def raise_cap(
    cap: str = CAP,
    limit: str = typer.Argument("", help="The new limit in dollars."),
    by: str = typer.Option("", "--by", help="An amount to raise it by, instead of a new limit."),
    hours: float = typer.Option(0, "--hours", min=0, help="For how long; without it, until its window ends."),
    for_team: bool = FOR_TEAM,
) -> None:
    """Raise a cap for a time or until its running window ends. Calls that wait for it go on."""
    if bool(limit) == bool(by):
        raise InvalidInput("How much", "Give a new limit, or an amount with --by.")
    with _opened_book(for_team=for_team) as book:
        status = _find(book, cap)
        amount = parse_usd(by) if by else parse_usd(limit) - status.limit_nano_usd
        until = datetime.now(UTC) + timedelta(hours=hours) if hours else None
        book.raise_by(status.cap.cap_id, status.window_key, amount, until=until)
    console.say(
        f"{cap_name(status.cap)}: {format_usd(status.limit_nano_usd + amount)} until {_reset(until or status.ends_at)}."
    )


@app.command("show")
def show_cap(cap: str = CAP, as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts.")) -> None:
    """Show one cap: where it stands, its raises, what it would have stopped in dry run, how well it holds."""
    from app.cli.cap_story import print_story, story_values
    from app.ledger.experience import learned_bound
    from app.ledger.observation_store import count_observations, observations_of
    from app.ledger.raise_store import live_raises
    from app.services.cap_books import OwnCaps

    with places.opened_ledger() as ledger:
        status = _find(OwnCaps(ledger, places.user_name()), cap)
        chosen = status.cap
        seen = observations_of(ledger, chosen.cap_id)
        count = count_observations(ledger, chosen.cap_id)
        bound = learned_bound(ledger, chosen) if chosen.hold is Hold.LEARNED else None
        raises = live_raises(ledger, chosen.cap_id)
    if as_json:
        console.print_json(_as_values(status) | story_values(seen, count, raises, bound))
        return
    console.print_table(HEADERS, [_cells(status, is_team=False)], numbers=(2, 3, 4))
    print_story(chosen, seen, count, raises, bound)


@app.command("remove")
def remove_cap(cap: str = CAP, for_team: bool = FOR_TEAM) -> None:
    """Remove a cap. Nothing is stopped by it any more."""
    with _opened_book(for_team=for_team) as book:
        chosen = _find(book, cap).cap
        book.remove(chosen.cap_id)
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


@contextmanager
def _opened_book(*, for_team: bool) -> "Iterator[CapBook]":
    """The caps of this laptop, or those of the team that it has joined."""
    from app.services.cap_books import OwnCaps, TeamCaps

    if for_team:
        with opened_team() as team:
            yield TeamCaps(team)
    else:
        with places.opened_ledger() as ledger:
            yield OwnCaps(ledger, places.user_name())


@contextmanager
def _opened_books() -> "Iterator[list[CapBook]]":
    """The caps of this laptop, and those of the team that it has joined, where that can be reached."""
    from app.services.cap_books import TeamCaps

    with _opened_book(for_team=False) as own, opened_team_if_any() as team:
        yield [own, *([TeamCaps(team)] if team is not None else [])]


def _find(book: "CapBook", text: str) -> "CapStatus":
    return choose(
        book.statuses(),
        text,
        lambda status: (status.cap.cap_id, cap_name(status.cap)),
        kind="cap",
        listing="bursar caps list",
    )


def _cells(status: "CapStatus", *, is_team: bool) -> list[str]:
    spent = format_usd(status.spent_nano_usd) + ("+" if status.has_unpriced else "")
    return [
        short_id(status.cap.cap_id),
        f"{cap_name(status.cap)} (team)" if is_team else cap_name(status.cap),
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
