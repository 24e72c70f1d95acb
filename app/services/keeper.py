"""The small process that holds the meter's sockets and starts it again when it dies: how it is started, what it tells
of itself, and what it can be asked. What it does stands in `proxy_addon.keeper`, which this floor does not import.

On Windows there is none: there whoever needs a meter starts it, and starts it again.
"""

import importlib.util
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path

from app import paths
from app.core.errors import MeterError
from app.ledger import places
from app.ledger.file_lock import is_held
from app.services.own_command import KEEPER, is_frozen, part_command
from app.services.settings import Settings
from app.whole_file import write_whole

IS_USED = sys.platform != "win32"
MOST_DEATHS = 5
TRY_AGAIN = "bursar proxy restart"
_LOOPBACK = "127.0.0.1"
_WITHOUT_SITE = ("-I", "-S")
_START = "import sys; sys.path.append(sys.argv.pop(1)); from proxy_addon.keeper.__main__ import main; sys.exit(main())"


class KeeperPhase(StrEnum):
    """What it does: a meter starts, or serves, or died too often and is not started again by itself."""

    STARTING = "starting"
    RUNNING = "running"
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Keeper:
    """A keeper that lives. `flags` are those it was started with; `meter_pid` is 0 while there is none; `reason` is why
    the last meter ended by itself, empty when none did. `note` is the file in which it tells all this."""

    pid: int
    version: str
    flags: frozenset[str]
    phase: KeeperPhase
    gateway_port: int
    forward_port: int
    meter_pid: int
    deaths: int
    reason: str
    note: Path

    @property
    def trouble(self) -> str:
        """What is wrong and what to do, as whole sentences; empty unless it gave up."""
        if self.phase is not KeeperPhase.BLOCKED:
            return ""
        log = paths.log_place() / "meter.log"
        given_up = f"The meter stopped {self.deaths} times within a minute and is not started again by itself."
        return f"{given_up} {self.reason} Its log: {log}."


def keeper_command(
    meter: Sequence[str],
    settings: Settings,
    ledger_path: Path,
    *,
    keys_from_stdin: bool = False,
    stop_with_stdin: bool = False,
    for_runs: bool = False,
    stays: bool = False,
) -> list[str]:
    """The argument list that keeps a meter which this command starts. Its Python reads neither variables nor packages:
    what is small rarely dies."""
    small = [sys.executable, *_WITHOUT_SITE, "-c", _START]
    command = part_command(KEEPER) if is_frozen() else [*small, _root()]
    command += ["--gateway", f"{_LOOPBACK}:{settings.gateway_port}"]
    command += ["--forward", f"{_LOOPBACK}:{settings.forward_port}"]
    command += ["--network", settings.listen] if settings.listen else []
    command += ["--attendance", str(places.attendance_folder(ledger_path))]
    command += ["--log", str(paths.log_folder() / "keeper.log"), "--version", own_version()]
    command += ["--most-deaths", str(MOST_DEATHS)]
    named = (keys_from_stdin, "--keys-from-stdin"), (stop_with_stdin, "--stop-with-stdin"), (for_runs, "--for-runs")
    command += [flag for is_set, flag in (*named, (stays, "--stays")) if is_set]
    return [*command, "--", *meter]


def own_version() -> str:
    """The version of the Bursar that runs here."""
    return version("bursar")


def keepers_of(ledger_path: Path) -> list[Keeper]:
    """The keepers that live beside this ledger. Needs no ledger that can be read."""
    notes = sorted(places.attendance_folder(ledger_path).glob("keeper-*"))
    found = [_read(note) for note in notes if note.suffix != _COMMAND and is_held(note)]
    return [keeper for keeper in found if keeper is not None]


def keeper_at(ledger_path: Path, gateway_port: int) -> Keeper | None:
    """The one that keeps the meter at this port."""
    return next((keeper for keeper in keepers_of(ledger_path) if keeper.gateway_port == gateway_port), None)


def blocked_keeper(ledger_path: Path) -> Keeper | None:
    """One whose meter died too often; None when there is none."""
    return next((keeper for keeper in keepers_of(ledger_path) if keeper.phase is KeeperPhase.BLOCKED), None)


def orphan_of(ledger_path: Path, keeper_pid: int) -> int:
    """The id of the meter that a keeper left behind when it was killed; 0 when it left none, or nobody knows."""
    for note in places.attendance_folder(ledger_path).glob(f"keeper-*-{keeper_pid}"):
        left = _read(note)
        if left is not None and left.meter_pid and is_running(left.meter_pid):
            return left.meter_pid
    return 0


def is_running(pid: int) -> bool:
    """Whether a process of this id runs. One that has ended and that nobody has asked about does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True  # no such folder here: the system asks about all of them


def renew_meter(keeper: Keeper, command: Sequence[str] = ()) -> None:
    """Have another meter take the place of the one that serves, which ends the calls it has; or have one started where
    it was given up. `command` starts it from now on. Raises MeterError when the keeper is gone."""
    left = "\0".join((own_version(), *command)).encode()
    write_whole(keeper.note.with_name(keeper.note.name + _COMMAND), left)
    _tell(keeper, signal.SIGHUP)


def end_keeper(keeper: Keeper) -> None:
    """Have it end, and its meter with it. Raises MeterError when it is gone."""
    _tell(keeper, signal.SIGTERM)


_COMMAND = ".command"


def _tell(keeper: Keeper, number: int) -> None:
    """Its lock is looked at once more: the id of a process that has ended may be another's."""
    try:
        if is_held(keeper.note):
            os.kill(keeper.pid, number)
            return
    except ProcessLookupError:
        pass
    raise MeterError("The meter is not running", "It ended just now. Start it with: bursar")


def _read(note: Path) -> Keeper | None:
    """What a keeper tells; None for a presence that is another's, or says nothing yet."""
    try:
        lines = note.read_bytes().strip(b"\0").decode(errors="replace").splitlines()
        facts = dict(line.partition(" ")[::2] for line in lines)
        return Keeper(
            pid=int(facts["pid"]),
            version=facts["version"],
            flags=frozenset(facts["flags"].split()),
            phase=KeeperPhase(facts["phase"]),
            gateway_port=int(facts["gateway"]),
            forward_port=int(facts["forward"]),
            meter_pid=int(facts["meter"]),
            deaths=int(facts["deaths"]),
            reason=told_in(facts.get("reason", "")),
            note=note,
        )
    except (OSError, KeyError, ValueError):
        return None


def told_in(line: str) -> str:
    """The words of a line in which a meter says why it failed; empty where it is none."""
    try:
        event = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(event, dict) or event.get("event") != "failed":
        return ""
    told = f"{event.get('title', 'It failed')}. {event.get('message', '')}"
    return told.strip()


def _root() -> str:
    """The folder from which the keeper's modules are imported."""
    found = importlib.util.find_spec("proxy_addon")
    if found is None or not found.submodule_search_locations:
        raise MeterError("The meter cannot be started", "A part of Bursar is missing. Install it anew.")
    return str(Path(found.submodule_search_locations[0]).parent)
