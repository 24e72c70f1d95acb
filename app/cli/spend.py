"""`bursar spend`: what was spent, by whom, since when."""

from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.core.money import format_exact_usd, format_sum, format_usd
from app.core.tags import Scope
from app.core.windows import Window, span_at, zone
from app.core.wording import format_tokens
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.ledger.spend_sums import Spend


class Grouping(StrEnum):
    """What spend can be grouped by on the command line."""

    PROJECT = "project"
    AGENT = "agent"
    USER = "user"
    TEAM = "team"
    TASK = "task"
    SESSION = "session"
    MODEL = "model"
    PROVIDER = "provider"


class Since(StrEnum):
    """Calendar periods up to now."""

    TODAY = "today"
    WEEK = "week"
    MONTH = "month"
    ALL = "all"


_WINDOWS = {Since.TODAY: Window.DAY, Since.WEEK: Window.WEEK, Since.MONTH: Window.MONTH}
_WORDS = {Since.TODAY: "today", Since.WEEK: "this week", Since.MONTH: "this month", Since.ALL: "in total"}


def show_spend(
    by: Grouping = typer.Option(Grouping.PROJECT, help="What to group by."),
    since: Since = typer.Option(Since.MONTH, help="From when."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show what was spent."""
    from app.ledger.price_age import gathered_at
    from app.ledger.spend_sums import sums_by, whole_of
    from app.pricing.age import stale_notice

    now = datetime.now(UTC)
    start = start_of(since, now, settings_zone(places.read_settings()))
    with places.glanced_ledger() as reader:
        groups = sums_by(reader, Scope(by), start, now)
        notice = stale_notice(gathered_at(reader), now)
    total = whole_of(groups)
    if as_json:
        groups_told = [_as_values(group) for group in groups]
        console.print_json({"by": by, "since": since, "total": _as_values(total), "groups": groups_told})
    elif not total.calls and not total.refused_calls:
        console.say(f"Nothing was spent {_WORDS[since]}.")
    else:
        _print_spend(by, since, total, groups)
        if notice:
            console.tell(notice)


def since_words(since: Since) -> str:
    """A period in a sentence: `this week`."""
    return _WORDS[since]


def start_of(since: Since, now: datetime, zone_name: str) -> datetime:
    """The first instant of a period, in UTC; of `all` the first that a computer knows."""
    if since is Since.ALL:
        return datetime.fromtimestamp(0, UTC)
    return span_at(_WINDOWS[since], now, zone(zone_name)).starts_at or now


def _print_spend(by: Grouping, since: Since, total: "Spend", groups: "list[Spend]") -> None:
    headers = [by.value.capitalize(), "Calls", "Refused", "In", "Cached", "Out", "Cost"]
    named = [(group.key or "(not told)", group) for group in groups] + [(f"All, {_WORDS[since]}", total)]
    rows = [_cells(name, spend) for name, spend in named]
    if total.subscription_calls:
        headers.append("Subscription")
        rows = [[*row, _covered(spend)] for row, (_, spend) in zip(rows, named, strict=True)]
    console.print_table(headers, rows, numbers=range(1, len(headers)))
    if total.subscription_calls:
        console.tell("Subscription: what the API would have asked for calls that one paid for. It is not in the cost.")


def _covered(spend: "Spend") -> str:
    return f"({format_usd(spend.subscription_nano_usd)})" if spend.subscription_calls else ""


def _cells(name: str, spend: "Spend") -> list[str]:
    cost = format_sum(spend.cost_nano_usd, unpriced_calls=spend.unpriced_calls, estimated_calls=spend.estimated_calls)
    tokens = [format_tokens(count) for count in (spend.input_tokens, spend.cache_read_tokens, spend.output_tokens)]
    return [name, f"{spend.calls:,}", f"{spend.refused_calls:,}", *tokens, cost]


def _as_values(spend: "Spend") -> dict[str, Any]:
    amounts = {"cost_usd": spend.cost_nano_usd, "subscription_usd": spend.subscription_nano_usd}
    return asdict(spend) | {name: format_exact_usd(amount) for name, amount in amounts.items()}
