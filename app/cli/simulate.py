"""`bursar caps simulate`: what a cap would have stopped."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.cli.spend import Since, start_of
from app.core.caps import Cap, cap_name
from app.core.errors import InvalidInput
from app.core.money import format_exact_usd, format_usd, parse_usd
from app.core.tags import Scope, clean_label
from app.core.windows import Window, zone
from app.core.wording import counted
from app.services.settings import settings_zone

if TYPE_CHECKING:
    from app.insight.back_test import BackTest


def simulate_cap(
    limit: str = typer.Option(help="The limit in dollars, like 10."),
    each: Window = typer.Option(Window.DAY, help="How often it starts anew."),
    project: str | None = typer.Option(None, help="Applies to this project; * for each one on its own."),
    agent: str | None = typer.Option(None, help="Applies to this agent; * for each."),
    user: str | None = typer.Option(None, help="Applies to this user; * for each."),
    task: str | None = typer.Option(None, help="Applies to this task; * for each."),
    provider: str | None = typer.Option(None, help="Applies to this provider; * for each."),
    model: str | None = typer.Option(None, help="Applies to this model; * for each."),
    since: Since = typer.Option(Since.ALL, help="From when."),
    time_zone: str = typer.Option("", help="IANA zone of its calendar; the machine's if left out."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Hold a cap against metered and imported calls: what it would have stopped, when, and how much that saves."""
    from app.insight.back_test import back_test
    from app.ledger.every_call import costed_calls

    named = {
        Scope.PROJECT: project, Scope.AGENT: agent, Scope.USER: user,
        Scope.TASK: task, Scope.PROVIDER: provider, Scope.MODEL: model,
    }  # fmt: skip
    scope, key = _scope({scope: clean_label(key) for scope, key in named.items() if key is not None})
    zone_name = time_zone or settings_zone(places.read_settings())
    zone(zone_name)
    cap = Cap("simulated", scope, key, each, parse_usd(limit), time_zone=zone_name)
    start = start_of(since, datetime.now(UTC), zone_name)
    with places.opened_history() as ledger:
        tested = back_test(cap, costed_calls(ledger, start, scope, key))
    if as_json:
        console.print_json(_as_values(tested))
    else:
        _tell(cap, tested, zone_name)


def _scope(named: dict[Scope, str]) -> tuple[Scope, str]:
    """The one scope that was named, or everything. Raises InvalidInput for several."""
    if len(named) > 1:
        raise InvalidInput("A cap applies to one thing", "Give one of --project, --agent, --user … and no second.")
    return next(iter(named.items()), (Scope.EVERYTHING, ""))


def _tell(cap: Cap, tested: "BackTest", zone_name: str) -> None:
    name = f"{cap_name(cap)}, {format_usd(cap.limit_nano_usd)}"
    if not tested.calls:
        console.say(f"{name}: no call would have counted in it.")
        return
    whole = f"{counted(tested.calls, 'call')}, {format_usd(tested.cost_nano_usd)}, {counted(tested.windows, 'window')}"
    console.say(f"{name}: looked at {whole}.")
    if tested.unpriced_calls:
        console.say(f"Without a price, so not looked at: {counted(tested.unpriced_calls, 'call')}.")
    if not tested.stopped:
        console.say("It would have stopped nothing.")
        return
    stops = f"{counted(len(tested.stopped), 'stop')}, {counted(tested.calls_stopped, 'call')}"
    console.say(f"It would have stopped: {stops}; at least {format_usd(tested.saved_nano_usd)} saved.")
    local = zone(zone_name)
    rows = [
        [
            window.key,
            f"{window.first_stop_at.astimezone(local):%Y-%m-%d %H:%M}",
            format_usd(window.spent_nano_usd),
            f"{window.calls_stopped:,}",
            format_usd(window.saved_nano_usd),
        ]
        for window in tested.stopped
    ]
    console.print_table(["Window", "First stop", "Spent", "Calls stopped", "Saved"], rows, numbers=(2, 3, 4))


def _as_values(tested: "BackTest") -> dict[str, Any]:
    return asdict(tested) | {
        "cost_usd": format_exact_usd(tested.cost_nano_usd),
        "saved_usd": format_exact_usd(tested.saved_nano_usd),
        "calls_stopped": tested.calls_stopped,
    }
