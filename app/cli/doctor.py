"""`bursar doctor`: what is not seen, and why."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from app import paths
from app.cli import console, places
from app.core.errors import AppError

if TYPE_CHECKING:
    from app.services.doctor.finding import Finding


def examine(as_json: bool = typer.Option(False, "--json", help="For scripts.")) -> None:
    """Check agents, settings and Bursar itself for what goes around the meter. Status 1 when something is wrong."""
    from app.services.doctor.finding import Level, in_order

    findings = in_order(_findings())
    if as_json:
        console.print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    if any(finding.level is Level.WRONG for finding in findings):
        raise typer.Exit(1)


def _findings() -> "list[Finding]":
    from app.keys.vault import KeyringVault
    from app.ledger.meter_state import running_meter
    from app.services.doctor.agents import agent_findings
    from app.services.doctor.finding import Finding, Level
    from app.services.doctor.machine import machine_findings
    from app.services.doctor.ways_around import findings_around, places_of

    try:
        settings = places.read_settings()
        with places.opened_ledger() as ledger:
            running = running_meter(ledger)
            gateway_url = running.gateway_url if running else f"http://127.0.0.1:{settings.gateway_port}"
            now = datetime.now(UTC)
            findings = machine_findings(
                ledger,
                settings,
                KeyringVault(),
                [*paths.private_files(ledger.path), paths.settings_path()],
                now,
            )
            findings += agent_findings(ledger, now)
    except AppError as error:
        return [Finding(Level.WRONG, "Bursar", error.title, error.message)]
    return findings + findings_around(os.environ, places_of(os.environ, Path.cwd()), gateway_url)


def _print(findings: "list[Finding]") -> None:
    for finding in findings:
        console.say(f"{finding.level:<6}{finding.subject}: {finding.title}")
        for line in (finding.meaning, f"Fix: {finding.fix}" if finding.fix else ""):
            if line:
                console.say(f"      {line}")
    wrong = sum(finding.level == "wrong" for finding in findings)
    console.say("")
    console.say("Nothing is wrong." if not wrong else f"{wrong} wrong." if wrong > 1 else "1 is wrong.")
