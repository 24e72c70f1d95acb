"""`bursar ledger`: is the ledger what it should be, its backups, and putting one back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.core.money import format_exact_usd

if TYPE_CHECKING:
    from app.ledger.restoring import Restored
    from app.ledger.verification import Difference, Verification

app = typer.Typer(help="Check the ledger, back it up, put it back.", no_args_is_help=True)

_AMOUNTS = ("spent", "held", "limit")


@app.command("verify")
def verify(
    repair: bool = typer.Option(False, "--repair", help="Write what was derived where it differs."),
    as_json: bool = typer.Option(False, "--json", help="For scripts: exact amounts."),
) -> None:
    """Check every page of the file, derive what every cap has spent and holds again from the calls, and compare. Ends
    with status 1 if it differs or is damaged."""
    from app.ledger.database_errors import damaged
    from app.ledger.soundness import Soundness, full_check
    from app.ledger.verification import repair_ledger, verify_ledger

    if places.ledger_file().exists() and full_check(places.ledger_file()) is Soundness.DAMAGED:
        raise damaged()
    with places.opened_ledger() as ledger:
        found = repair_ledger(ledger) if repair else verify_ledger(ledger)
    if as_json:
        differences = [_as_values(one) for one in found.differences]
        console.print_json({"windows": found.windows, "repaired": repair, "differences": differences})
    else:
        _show(found, is_repaired=repair)
    if found.differences and not repair:
        raise typer.Exit(1)


@app.command("backup")
def backup(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """Make a backup now, besides the daily one. Calls go on meanwhile."""
    from app.ledger.backups import back_up, list_backups

    file = places.ledger_file()
    with places.opened_ledger():
        made = back_up(file, datetime.now(UTC), kept=places.read_settings().backups_kept)
    if as_json:
        console.print_json({"file": str(made.file), "bytes": made.size_bytes, "made_at": made.made_at.isoformat()})
    else:
        console.say(f"Backed up to {made.file} ({_megabytes(made.size_bytes)}), and verified.")
        kept = len(list_backups(file))
        console.say(f"{kept} backups are kept." if kept > 1 else "1 backup is kept.")


@app.command("restore")
def restore(
    backup: Path | None = typer.Argument(None, help="The newest sound one, where none is named.", show_default=False),
    empty: bool = typer.Option(False, "--empty", help="Begin an empty ledger where there is nothing to put back."),
    as_json: bool = typer.Option(False, "--json", help="For scripts."),
) -> None:
    """Put a damaged or lost ledger back: a backup, and all that can still be read of the damaged one, which is kept."""
    from app.ledger.restoring import restore_ledger, restored_words

    restored = restore_ledger(places.ledger_file(), datetime.now(UTC), backup=backup, is_empty=empty)
    if as_json:
        console.print_json(_restored_values(restored))
        return
    for sentence in restored_words(restored):
        console.say(sentence)


@app.command("compact")
def compact() -> None:
    """Drop calls older than retention_days in the settings, whose sums stay, and make the file smaller."""
    from app.ledger.retention import compact

    days = places.read_settings().retention_days
    with places.opened_ledger() as ledger:
        done = compact(ledger, datetime.now(UTC), days)
    dropped = "1 call" if done.dropped == 1 else f"{done.dropped} calls"
    was = "was" if done.dropped == 1 else "were"
    console.say(f"{dropped} older than {days} days {was} dropped." if days else "All calls are kept.")
    console.say(f"The ledger takes {_megabytes(done.bytes_after)}; it took {_megabytes(done.bytes_before)}.")


def _restored_values(restored: "Restored") -> dict[str, Any]:
    return {
        "backup": str(restored.backup) if restored.backup else None,
        "damaged": str(restored.damaged) if restored.damaged else None,
        "calls": restored.calls,
        "recovered_calls": restored.recovered_calls,
        "assumed_calls": restored.assumed_calls,
        "missing_from": restored.missing_from.isoformat() if restored.missing_from else None,
        "missing_until": restored.missing_until.isoformat() if restored.missing_until else None,
    }


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB"


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
