"""`bursar compare`: meter, logs and provider, day by day."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.spend import Since, start_of
from app.core.money import format_exact_usd, format_usd

if TYPE_CHECKING:
    from app.core.day_count import DayCount


def compare_counts(
    since: Since = typer.Option(Since.MONTH, help="From when, in UTC days as providers bill."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Compare what the meter saw, what agents' logs tell and what the provider billed, by day."""
    from app.insight.drift import reasons
    from app.ledger.day_counts import day_counts

    start = start_of(since, datetime.now(UTC), "UTC")
    with places.opened_history() as ledger:
        days = day_counts(ledger, start)
    if as_json:
        console.print_json([_as_values(day, reasons(day)) for day in days])
    elif not days:
        console.say("There is nothing to compare. Run agents through the meter, or import with: bursar import")
    else:
        headers = ["Day", "Provider", "Meter", "Logs", "Provider's bill", "Drift", "Why"]
        console.print_table(headers, [_cells(day, reasons(day)) for day in days], numbers=(2, 3, 4, 5))


def _cells(day: "DayCount", why: tuple[str, ...]) -> list[str]:
    wire = format_usd(day.wire_nano_usd) + ("+" if day.wire_unpriced else "") if day.wire_calls else "—"
    logs = format_usd(day.log_nano_usd) + ("+" if day.log_unpriced else "") if day.log_calls else "—"
    bill, drift = format_usd(day.billed_nano_usd), format_usd(day.drift_nano_usd)
    return [day.day.isoformat(), day.provider, wire, logs, bill, drift, " ".join(why)]


def _as_values(day: "DayCount", why: tuple[str, ...]) -> dict[str, Any]:
    drift, billed = day.drift_nano_usd, day.billed_nano_usd
    return asdict(day) | {
        "known_usd": format_exact_usd(day.known_nano_usd),
        "billed_usd": None if billed is None else format_exact_usd(billed),
        "drift_usd": None if drift is None else format_exact_usd(drift),
        "reasons": why,
    }
