"""`bursar forecast`: what this month will come to."""

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import typer

from app.cli import console, places
from app.core.money import format_exact_usd, format_usd
from app.core.tags import Scope
from app.core.windows import zone
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.insight.forecast import MonthEnd

_LOOK_BACK = timedelta(days=62)


class Part(StrEnum):
    """Whose month."""

    AGENT = "agent"
    PROJECT = "project"


def show_forecast(
    by: Part = typer.Option(Part.PROJECT, help="For each agent or each project."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Show what this month will come to, with a range that holds four times in five."""
    from app.insight.forecast import month_end
    from app.ledger.summed_calls import quarter_hours

    now = datetime.now(UTC)
    local = zone(settings_zone(places.read_settings()))
    with places.opened_history() as ledger:
        quarters = quarter_hours(ledger, Scope(by), now - _LOOK_BACK, now)
    today = now.astimezone(local).date()
    spent = _by_day(quarters, local)
    months = {key: month_end(days, today) for key, days in spent.items()}
    parts = sorted(months.items(), key=lambda part: (-part[1].expected_nano_usd, part[0]))
    total = month_end([day for days in spent.values() for day in days], today) if len(spent) > 1 else None
    if as_json:
        told = [{by.value: key} | _as_values(month) for key, month in parts]
        console.print_json({"by": by, "months": told, "all": _as_values(total) if total else None})
    elif not parts:
        console.say("Nothing was spent in the last two months.")
    else:
        rows = [_cells(key or "(not told)", month) for key, month in parts]
        rows += [_cells("All", total)] if total else []
        console.print_table(
            [by.value.capitalize(), "So far", "Month's end", "Likely from", "to"], rows, numbers=range(1, 5)
        )


def _by_day(quarters: "list[tuple[str, datetime, int]]", local: ZoneInfo) -> "dict[str, list[Any]]":
    from app.insight.forecast import DaySpend

    sums: dict[str, dict[date, int]] = {}
    for key, start, cost in quarters:
        days = sums.setdefault(key, {})
        day = start.astimezone(local).date()
        days[day] = days.get(day, 0) + cost
    return {key: [DaySpend(day, nano) for day, nano in days.items()] for key, days in sums.items()}


def _cells(name: str, month: "MonthEnd") -> list[str]:
    if not month.days_known:
        return [name, format_usd(month.spent_nano_usd), "too early", "", ""]
    amounts = (month.spent_nano_usd, month.expected_nano_usd, month.low_nano_usd, month.high_nano_usd)
    return [name, *(format_usd(amount) for amount in amounts)]


def _as_values(month: "MonthEnd") -> dict[str, Any]:
    values = {name: value for name, value in asdict(month).items() if name != "days_left"}
    amounts = {
        f"{name.removesuffix('_nano_usd')}_usd": format_exact_usd(value)
        for name, value in values.items()
        if name != "days_known"
    }
    return values | amounts
