"""Whether what is to be exported is, and arrives."""

from datetime import datetime

from app.core.wording import counted
from app.ledger.engine import Ledger
from app.services.doctor.finding import Finding, Level
from app.services.exports.status import ExportState, export_states
from app.services.settings import Settings

SUBJECT = "Exports"


def export_findings(ledger: Ledger, settings: Settings, now: datetime) -> list[Finding]:
    """One for each part that is in trouble, else one for all; none where nothing is to be exported. Raises
    LedgerError."""
    states = export_states(ledger, settings, now)
    if not states.parts:
        return []
    if states.running is None:
        meaning = "What happens meanwhile is told later; Prometheus is not answered."
        return [Finding(Level.NOTE, SUBJECT, "Exports do not run", meaning, "Open the tray, or: bursar export run")]
    findings = [_finding(state) for state in states.parts if state.trouble]
    names = ", ".join(state.name for state in states.parts)
    return findings or [Finding(Level.FINE, SUBJECT, f"{names}: run by {states.running.holder}")]


def _finding(state: ExportState) -> Finding:
    fix = "bursar export status" if state.webhook is None else f"bursar webhooks test {state.webhook.name}"
    if state.lost:
        title = f"{state.name} was never told of {counted(state.lost, 'event')}"
        return Finding(Level.WRONG, SUBJECT, title, state.trouble, fix)
    return Finding(Level.NOTE, SUBJECT, f"{state.name} is in trouble", state.trouble, fix)
