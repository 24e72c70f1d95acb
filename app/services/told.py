"""What a person was told already, kept beside the ledger, so that a tray that is started again does not repeat it."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from app.whole_file import write_whole

NAME = "told.json"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """`alert_id` is the newest alert that was told, or need not be; None before the first. `waiting` are the questions
    that still wait and were told, `meter_stopped` that it was told and not yet that it runs again, `week` the key of
    the running week, whose predecessor was told; empty before the first. Loops that became worth it until
    `loops_until`, in seconds since 1970, were told. Of the team at `team_url`, `team_alert_id` is the newest alert."""

    alert_id: int | None = None
    waiting: frozenset[str] = frozenset()
    meter_stopped: bool = False
    week: str = ""
    loops_until: float | None = None
    team_url: str = ""
    team_alert_id: int | None = None


def load_told(file: Path) -> Told:
    """What the file says; nothing told where there is none, or none that can be read."""
    try:
        values = json.loads(file.read_bytes())
        alert_id = values["alert_id"]
        told = Told(
            None if alert_id is None else int(alert_id), frozenset(map(str, values["waiting"])),
            bool(values["meter_stopped"]), str(values["week"]), _seconds(values.get("loops_until")),
            str(values.get("team_url", "")), _number(values.get("team_alert_id")),
        )  # fmt: skip
    except FileNotFoundError:
        return Told()
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("what was told cannot be read (%s)", type(error).__name__)
        return Told()
    return told


def save_told(file: Path, told: Told) -> None:
    """Write it in one step. A disk that is full costs a repeated notification and nothing else."""
    values = {
        "alert_id": told.alert_id, "waiting": sorted(told.waiting), "meter_stopped": told.meter_stopped,
        "week": told.week,
        "loops_until": told.loops_until, "team_url": told.team_url, "team_alert_id": told.team_alert_id,
    }  # fmt: skip
    try:
        write_whole(file, json.dumps(values).encode())
    except OSError as error:
        _LOG.warning("what was told cannot be kept (%s)", error.strerror or type(error).__name__)


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
