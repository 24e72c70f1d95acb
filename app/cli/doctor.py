"""`bursar doctor`: what is not seen, and why."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app.cli import console, places
from app.core.errors import AppError

if TYPE_CHECKING:
    from app.services.doctor.finding import Finding

_FOR_WINDOWS = ("remedy", "target")


def examine(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """Check agents, settings and Bursar itself for what goes around the meter. Status 1 when something is wrong."""
    from app.services.doctor.finding import Level, report

    findings = _findings()
    if as_json:
        console.print_json([_values(finding) for finding in findings])
    else:
        console.say(report(findings))
    if any(finding.level is Level.WRONG for finding in findings):
        raise typer.Exit(1)


def _findings() -> "list[Finding]":
    from app.keys.vault import KeyringVault
    from app.services.doctor.examination import examine as examine_all
    from app.services.doctor.finding import Finding, Level

    try:
        with places.opened_ledger() as ledger:
            file, now = places.settings_file(), datetime.now(UTC)
            return examine_all(ledger, file, KeyringVault(), os.environ, Path.cwd(), now)
    except AppError as error:
        return [Finding(Level.WRONG, "Bursar", error.title, error.message)]


def _values(finding: "Finding") -> dict[str, Any]:
    return {name: value for name, value in asdict(finding).items() if name not in _FOR_WINDOWS}
