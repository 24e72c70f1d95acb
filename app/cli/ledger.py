"""`bursar ledger`: is the ledger what it should be."""

from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.core.money import format_exact_usd

if TYPE_CHECKING:
    from app.ledger.verification import Difference, Verification

app = typer.Typer(help="Check the ledger.", no_args_is_help=True)

_AMOUNTS = ("spent", "held", "limit")


@app.callback()
def _group() -> None:
    """Without this a group of one command would be that command."""


@app.command("verify")
def verify(
    repair: bool = typer.Option(False, "--repair", help="Write what was derived where it differs."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Derive what every cap has spent and holds again from the calls, and compare. Ends with status 1 if it differs."""
    from app.ledger.verification import repair_ledger, verify_ledger

    with places.opened_ledger() as ledger:
        found = repair_ledger(ledger) if repair else verify_ledger(ledger)
    if as_json:
        differences = [_as_values(one) for one in found.differences]
        console.print_json({"windows": found.windows, "repaired": repair, "differences": differences})
    else:
        _show(found, is_repaired=repair)
    if found.differences and not repair:
        raise typer.Exit(1)


def _show(found: "Verification", *, is_repaired: bool) -> None:
    for one in found.differences:
        written, derived = _amount(one.figure, one.written), _amount(one.figure, one.derived)
        console.say(f"{one.cap_name}, window {one.window_key}: {one.figure} is {written}, derived {derived}")
    windows = f"{found.windows} window" + ("" if found.windows == 1 else "s")
    if not found.differences:
        console.say(f"The ledger is sound: {windows} derived again, no difference.")
    elif is_repaired:
        console.say(f"Repaired: {len(found.differences)} differences in {windows}.")
    else:
        console.say(f"{len(found.differences)} differences in {windows}. Mend them with: bursar ledger verify --repair")


def _amount(figure: str, number: int) -> str:
    return f"${format_exact_usd(number)}" if figure in _AMOUNTS else str(number)


def _as_values(one: "Difference") -> dict[str, Any]:
    is_amount = one.figure in _AMOUNTS
    unit = "_usd" if is_amount else ""
    return {
        "cap_id": one.cap_id,
        "cap": one.cap_name,
        "window_key": one.window_key,
        "figure": one.figure,
        f"written{unit}": format_exact_usd(one.written) if is_amount else one.written,
        f"derived{unit}": format_exact_usd(one.derived) if is_amount else one.derived,
    }
