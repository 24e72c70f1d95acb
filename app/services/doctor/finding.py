"""One thing the doctor found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`wrong`: money may be spent unseen, or Bursar does not work. `note`: worth knowing. `fine`: as it should be."""

    WRONG = "wrong"
    NOTE = "note"
    FINE = "fine"


class Remedy(StrEnum):
    """What Bursar's own window can do about a finding, where it can."""

    START_METER = "start the meter"
    CHOOSE_PORTS = "choose ports"
    KEEP_KEYS = "keep keys"
    UPDATE_PRICES = "update prices"
    CLOSE_FILE = "close a file"
    CONNECT_AGENT = "connect an agent"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, what it means, and what to do about it. No text ever holds a key.

    `subject` groups findings: an agent, or a part of Bursar. `fix` is empty where there is nothing to do. `target` is
    what the remedy is for: a file's path, or an agent's name.
    """

    level: Level
    subject: str
    title: str
    meaning: str = ""
    fix: str = ""
    remedy: Remedy | None = None
    target: str = ""


def in_order(findings: list[Finding]) -> list[Finding]:
    """What is wrong first, what is fine last; otherwise as found."""
    order = list(Level)
    return sorted(findings, key=lambda finding: order.index(finding.level))


def report(findings: list[Finding]) -> str:
    """All findings as text: a line each, and under it what it means and its fix."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<6}{finding.subject}: {finding.title}")
        told = (finding.meaning, f"Fix: {finding.fix}" if finding.fix else "")
        lines += [f"      {line}" for line in told if line]
    wrong = sum(finding.level is Level.WRONG for finding in findings)
    lines += ["", "Nothing is wrong." if not wrong else f"{wrong} wrong." if wrong > 1 else "1 is wrong."]
    return "\n".join(lines)
