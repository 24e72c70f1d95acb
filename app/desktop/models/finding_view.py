"""The doctor's findings in words: what stands in a row, on its button, and over all of them."""

from dataclasses import dataclass

from app.desktop.formats import plural
from app.services.doctor.finding import Finding, Level, Remedy

_MARKS = {Level.WRONG: "x-circle", Level.NOTE: "info", Level.FINE: "check"}
_INKS = {Level.WRONG: "at_text", Level.NOTE: "text_2", Level.FINE: "text_3"}
_SPOKEN = {Level.WRONG: "Wrong", Level.NOTE: "Worth knowing", Level.FINE: "Passed"}
_OWN_PARTS = ("Meter", "Ledger", "Prices", "Agents", "Keyring", "Files", "Environment", "Bursar")
_VERBS = {
    Remedy.START_METER: "Start the meter",
    Remedy.CHOOSE_PORTS: "Choose ports…",
    Remedy.KEEP_KEYS: "Open Keys",
    Remedy.UPDATE_PRICES: "Open Prices",
    Remedy.CLOSE_FILE: "Close it",
    Remedy.CONNECT_AGENT: "Connect for good…",
}


@dataclass(frozen=True, slots=True)
class FindingView:
    """One row. `title` names the agent it is about. `verb` is empty where nothing can be done from here; `fix` then
    says what to do elsewhere."""

    finding: Finding
    title: str
    mark: str
    ink: str
    verb: str
    fix: str
    spoken: str


def finding_view(finding: Finding) -> FindingView:
    """A finding's row. An agent that is connected for good is a choice, so its command stays beside the button."""
    verb = _VERBS[finding.remedy] if finding.remedy is not None else ""
    fix = finding.fix if not verb or finding.remedy is Remedy.CONNECT_AGENT else ""
    said = ". ".join(part.rstrip(".") for part in (finding.title, finding.meaning, fix) if part)
    spoken = f"{_SPOKEN[finding.level]}, {finding.subject}: {said}"
    title = finding.title
    if finding.subject not in _OWN_PARTS and finding.subject not in title:
        title = f"{finding.subject}: {title}"
    return FindingView(finding, title, _MARKS[finding.level], _INKS[finding.level], verb, fix, spoken)


def told_and_passed(findings: list[Finding]) -> tuple[list[Finding], list[Finding]]:
    """What wants to be read, what is wrong first, and what is as it should be."""
    passed = [finding for finding in findings if finding.level is Level.FINE]
    return [finding for finding in findings if finding.level is not Level.FINE], passed


def verdict(findings: list[Finding]) -> str:
    """`2 problems, 3 things worth knowing`."""
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    notes = sum(finding.level is Level.NOTE for finding in findings)
    problems = plural(wrong, "problem") if wrong else "No problem"
    if not notes:
        return problems
    return f"{problems}, {plural(notes, 'thing')} worth knowing"
