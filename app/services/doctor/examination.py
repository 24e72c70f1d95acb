"""The whole examination: Bursar's own parts, the agents, and what goes around the meter."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from app import paths
from app.core.errors import AppError
from app.keys.vault import Vault
from app.ledger.engine import Ledger
from app.ledger.meter_state import running_meter
from app.services.doctor.agents import agent_findings
from app.services.doctor.authority import authority_finding
from app.services.doctor.exports import export_findings
from app.services.doctor.finding import Finding, Level, in_order
from app.services.doctor.machine import machine_findings, service_findings
from app.services.doctor.releases import release_findings
from app.services.doctor.ways_around import findings_around, places_of
from app.services.own_ca import ca_certificate_path
from app.services.settings import load_settings
from app.services.system_service import own_service


def examine(
    ledger: Ledger, settings_file: Path, vault: Vault, environment: Mapping[str, str], folder: Path, now: datetime
) -> list[Finding]:
    """All findings, what is wrong first, as seen by a command started in `folder`. What keeps the examination itself
    from its end is a finding too. May take seconds: agents are asked for their versions, the keyring for its keys."""
    try:
        settings = load_settings(settings_file)
        running = running_meter(ledger)
        gateway_url = running.gateway_url if running else f"http://127.0.0.1:{settings.gateway_port}"
        files = [*paths.private_files(ledger.path), settings_file]
        findings = machine_findings(ledger, settings, vault, files, now) + agent_findings(ledger, now)
        findings += service_findings(own_service(settings))
        findings.append(authority_finding(ca_certificate_path(), now))
        findings += export_findings(ledger, settings, now) + release_findings(settings)
    except AppError as error:
        return [Finding(Level.WRONG, "Bursar", error.title, error.message)]
    return in_order(findings + findings_around(environment, places_of(environment, folder), gateway_url))
