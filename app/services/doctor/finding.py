"""One thing the doctor found."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`wrong`: money may be spent unseen, or Bursar does not work. `note`: worth knowing. `fine`: as it should be."""

    WRONG = "wrong"
    NOTE = "note"
    FINE = "fine"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, what it means, and what to do about it. No text ever holds a key.

    `subject` groups findings: an agent, or a part of Bursar. `fix` is empty where there is nothing to do.
    """

    level: Level
    subject: str
    title: str
    meaning: str = ""
    fix: str = ""


def in_order(findings: list[Finding]) -> list[Finding]:
    """What is wrong first, what is fine last; otherwise as found."""
    order = list(Level)
    return sorted(findings, key=lambda finding: order.index(finding.level))
