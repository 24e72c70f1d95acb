"""Bursar's own parts: the meter and its ports, the ledger's database, the keyring, who may read the files."""

import os
import socket
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from app.core.assurance import Assurance
from app.core.errors import AppError
from app.keys.vault import Vault
from app.ledger.assurance_store import level_in_force
from app.ledger.backups import Backup, list_backups
from app.ledger.ballast import Room, room_for
from app.ledger.database_version import is_mended, sqlite_version
from app.ledger.engine import Ledger
from app.ledger.meter_state import running_meter
from app.ledger.price_store import prices_as_of
from app.ledger.provider_key_store import list_provider_keys
from app.ledger.soundness import Soundness, quick_check
from app.paths import closing_command, exposed
from app.port_owner import port_owner
from app.pricing.age import age_days, stale_notice
from app.services.doctor.finding import Finding, Level, Remedy
from app.services.keeper import IS_USED, TRY_AGAIN, Keeper, KeeperPhase, keepers_of
from app.services.settings import Settings
from app.services.system_service import SystemService, is_in_force

LOOPBACK = "127.0.0.1"
CHECK_LIMIT_S = 1.0
OLD_BACKUP_DAYS = 3


def machine_findings(
    ledger: Ledger, settings: Settings, vault: Vault, files: Iterable[Path], now: datetime
) -> list[Finding]:
    """The state of Bursar itself. `files` are those that nobody else may read. Raises LedgerError."""
    return [
        *meter_findings(ledger, settings),
        database_finding(),
        *ledger_findings(ledger.path, now),
        price_finding(prices_as_of(ledger), now),
        *key_findings(ledger, vault),
        *mode_findings(files),
        assurance_finding(level_in_force(ledger, now)),
    ]


def meter_findings(ledger: Ledger, settings: Settings) -> list[Finding]:
    """Whether the meter runs; if not, whether its ports are free for it."""
    running, kept = running_meter(ledger), keepers_of(ledger.path)
    if running is not None:
        title = f"The meter runs at {running.gateway_url} (process {running.pid})"
        return [Finding(Level.FINE, "Meter", title, _kept_by(running.pid, kept))]
    if any(one.phase is not KeeperPhase.BLOCKED for one in kept):
        return [Finding(Level.NOTE, "Meter", "The meter is starting", "Calls wait until it is there.")]
    if kept:
        title = "The meter keeps stopping"
        return [Finding(Level.WRONG, "Meter", title, kept[0].trouble, TRY_AGAIN, Remedy.START_METER)]
    meaning = "Agents that were set up with bursar env or bursar connect find nobody there."
    title = "The meter is not running"
    findings = [Finding(Level.NOTE, "Meter", title, meaning, "Start it with: bursar", Remedy.START_METER)]
    for port in (settings.gateway_port, settings.forward_port):
        if port and not _is_free(port):
            meaning = f"{port_owner(port)} listens there, so the meter cannot start."
            fix = "Close it, or choose other ports in Bursar’s settings."
            title = f"Port {port} is in use"
            findings.append(Finding(Level.WRONG, "Meter", title, meaning, fix, Remedy.CHOOSE_PORTS))
    return findings


def _kept_by(meter_pid: int, kept: list[Keeper]) -> str:
    keeper = next((one for one in kept if one.meter_pid == meter_pid), None)
    if keeper is None:
        return "Nobody starts it again when it dies." if IS_USED and not kept else ""
    return f"Its keeper (process {keeper.pid}) starts it again when it dies."


def service_findings(service: SystemService) -> list[Finding]:
    """Whether the system keeps the meter, where somebody has asked it to."""
    if not service.is_installed:
        return []
    if is_in_force(service):
        return [Finding(Level.FINE, "Meter", "Your system starts the meter when you log in")]
    title, fix = "The service is installed and not in force", "bursar service install"
    return [Finding(Level.NOTE, "Meter", title, "Your system does not start the meter when you log in.", fix)]


def database_finding() -> Finding:
    """Whether SQLite is free of the fault that can damage the ledger."""
    version = sqlite_version()
    name = f"SQLite {'.'.join(str(part) for part in version)}"
    if is_mended(version):
        return Finding(Level.FINE, "Ledger", name)
    meaning = "It has a rare fault that can lose a commit when two processes write at the same moment."
    fix = (
        "Use a Python with SQLite 3.51.3, 3.50.7, 3.44.6 or later. bursar ledger verify tells whether sums still hold."
    )
    return Finding(Level.NOTE, "Ledger", f"{name} is old", meaning, fix)


def ledger_findings(path: Path, now: datetime) -> list[Finding]:
    """The ledger's file: is it sound, as far as a second tells, is there room for it, and how old is its backup. Raises
    LedgerError."""
    size = f"The ledger takes {path.stat().st_size / 2**20:.1f} MB"
    if quick_check(path, budget_s=CHECK_LIMIT_S) is Soundness.DAMAGED:
        meaning = "Calls are refused, or sums are wrong."
        findings = [Finding(Level.WRONG, "Ledger", "The ledger is damaged", meaning, "bursar ledger verify")]
    else:
        findings = [Finding(Level.FINE, "Ledger", size)]
    room = room_for(path)
    if room is not Room.ENOUGH:
        findings.append(Finding(Level.WRONG, "Ledger", room.heading, room.meaning))
    return [*findings, _backup_finding(list_backups(path), now)]


def _backup_finding(backups: list[Backup], now: datetime) -> Finding:
    fix = "bursar ledger backup"
    if not backups:
        meaning = "The meter makes one within minutes of its start."
        return Finding(Level.NOTE, "Ledger", "There is no backup yet", meaning, fix)
    days = (now - backups[0].made_at).days
    age = "today" if days < 1 else "1 day ago" if days == 1 else f"{days} days ago"
    if days <= OLD_BACKUP_DAYS:
        return Finding(Level.FINE, "Ledger", f"The last backup was made {age}; {len(backups)} kept")
    meaning = "One a day is made while a meter runs."
    return Finding(Level.NOTE, "Ledger", f"The last backup was made {age}", meaning, fix)


def price_finding(as_of: datetime | None, now: datetime) -> Finding:
    """Whether the prices are recent enough to reckon with."""
    notice = stale_notice(as_of, now)
    if notice:
        title = "The prices may be out of date"
        return Finding(Level.NOTE, "Prices", title, notice, remedy=Remedy.UPDATE_PRICES)
    return Finding(Level.FINE, "Prices", f"The prices are {age_days(as_of, now)} days old")


def assurance_finding(level: Assurance) -> Finding:
    """How far agents are held back."""
    title = f"Assurance: {level}"
    if level is not Assurance.COOPERATIVE:
        return Finding(Level.FINE, "Agents", title, level.meaning)
    return Finding(Level.NOTE, "Agents", title, level.meaning, "On Linux: bursar run --sandbox -- COMMAND")


def key_findings(ledger: Ledger, vault: Vault) -> list[Finding]:
    """Whether each provider's key is in the keyring, and the keyring answers. Nobody is asked to open one, or to make
    one. Raises LedgerError."""
    names = [key.name for key in list_provider_keys(ledger)]
    try:
        vault.look()
        missing = [name for name in names if not vault.get(name.entry)]
    except AppError as error:
        return [Finding(Level.WRONG, "Keyring", error.title, error.message, remedy=Remedy.KEEP_KEYS)]
    findings = [
        Finding(
            Level.WRONG,
            "Keyring",
            f"The key for {name.words} is gone from the keyring",
            "Calls that use it are refused.",
            f"bursar keys provider set {name.arguments}",
            Remedy.KEEP_KEYS,
        )
        for name in missing
    ]
    if not names:
        fix = "bursar keys provider set anthropic"
        title, meaning = "No provider key is kept yet", "Agents cannot be metered without."
        return [Finding(Level.NOTE, "Keyring", title, meaning, fix, Remedy.KEEP_KEYS)]
    kept = [name.words for name in names if name not in missing]
    return findings + ([Finding(Level.FINE, "Keyring", f"Keys are kept for {', '.join(kept)}")] if kept else [])


def mode_findings(files: Iterable[Path]) -> list[Finding]:
    """Files and folders that others on this machine could open; nothing where the system has no such rights."""
    return [
        Finding(
            Level.WRONG,
            "Files",
            f"Others may open {file.name}",
            f"{file} is to be readable by you only.",
            closing_command(file),
            Remedy.CLOSE_FILE,
            str(file),
        )
        for file in exposed(files)
    ]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the meter does: a past one may linger
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
