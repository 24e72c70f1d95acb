import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.core.errors import VaultError, VaultLocked
from app.core.provider_keys import KeyName
from app.keys.vault import FixedVault
from app.ledger.backups import back_up
from app.ledger.ballast import give_up, take_on
from app.ledger.engine import Ledger, open_ledger
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.provider_key_store import note_provider_key
from app.services.doctor.finding import Finding, Level, in_order
from app.services.doctor.machine import (
    key_findings,
    ledger_findings,
    machine_findings,
    meter_findings,
    mode_findings,
    price_finding,
    service_findings,
)
from app.services.keeper import KeeperPhase
from app.services.settings import Settings
from app.services.system_service import SystemService
from tests.faults.life.kept import played

FREE = Settings(gateway_port=0, forward_port=0)


def titles(findings: list[Finding], level: Level) -> list[str]:
    return [finding.title for finding in findings if finding.level is level]


def test_a_running_meter_is_told(ledger: Ledger) -> None:
    lock = InstanceLock(ledger)
    register_meter(ledger, lock.instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")
    [finding] = meter_findings(ledger, FREE)
    lock.release()
    assert (finding.level, finding.title) == (
        Level.FINE,
        f"The meter runs at http://127.0.0.1:1 (process {os.getpid()})",
    )


def test_who_starts_a_meter_again_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with played(tmp_path) as kept:
        kept.wait_for(KeeperPhase.RUNNING)
        opened = open_ledger(kept.ledger)
        lock = InstanceLock(opened)
        monkeypatch.setattr("app.ledger.meter_state.os.getpid", lambda: kept.keeper().meter_pid)
        register_meter(opened, lock.instance_id, "http://127.0.0.1:1", "http://127.0.0.1:2")
        [finding] = meter_findings(opened, FREE)
        lock.release()
        opened.close()
    assert finding.meaning == f"Its keeper (process {kept.process.pid}) starts it again when it dies."


def test_a_service_is_told_where_it_is_installed(tmp_path: Path) -> None:
    unit, good, bad = tmp_path / "unit", (sys.executable, "-c", ""), (sys.executable, "-c", "raise SystemExit(1)")
    assert service_findings(SystemService({unit: b""}, (), (), good)) == []
    unit.touch()
    assert [one.level for one in service_findings(SystemService({unit: b""}, (), (), good))] == [Level.FINE]
    [finding] = service_findings(SystemService({unit: b""}, (), (), bad))
    assert (finding.level, finding.fix) == (Level.NOTE, "bursar service install")


def test_a_port_that_somebody_else_has_is_wrong(ledger: Ledger) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = meter_findings(ledger, Settings(gateway_port=port, forward_port=0))
    assert titles(found, Level.WRONG) == [f"Port {port} is in use"]
    if sys.platform == "linux":
        assert f"(process {os.getpid()}) listens there" in found[-1].meaning
    assert titles(meter_findings(ledger, Settings(gateway_port=port, forward_port=0)), Level.WRONG) == []


def test_a_key_that_is_gone_from_the_keyring_is_wrong(ledger: Ledger) -> None:
    for provider in ("anthropic", "openai"):
        note_provider_key(ledger, KeyName(provider), datetime.now(UTC))
    found = key_findings(ledger, FixedVault({"openai": "sk-real-key"}))
    assert titles(found, Level.WRONG) == ["The key for anthropic is gone from the keyring"]
    assert titles(found, Level.FINE) == ["Keys are kept for openai"]


def test_without_any_key_there_is_a_note(ledger: Ledger) -> None:
    assert titles(key_findings(ledger, FixedVault({})), Level.NOTE) == ["No provider key is kept yet"]


def test_a_keyring_that_does_not_answer_is_wrong(ledger: Ledger) -> None:
    class Broken(FixedVault):
        def get(self, entry: str) -> str | None:
            raise VaultError("The keyring did not answer", "See that it runs.")

    note_provider_key(ledger, KeyName("openai"), datetime.now(UTC))
    assert titles(key_findings(ledger, Broken({})), Level.WRONG) == ["The keyring did not answer"]


def test_a_locked_keyring_is_wrong_and_nobody_is_asked_to_open_it(ledger: Ledger) -> None:
    class Locked(FixedVault):
        def look(self) -> None:
            raise VaultLocked("The keyring is locked", "Unlock it.")

        def get(self, entry: str) -> str | None:
            raise AssertionError("this would ask the person")

    note_provider_key(ledger, KeyName("openai"), datetime.now(UTC))
    assert titles(key_findings(ledger, Locked({})), Level.WRONG) == ["The keyring is locked"]


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_file_that_others_may_open_is_wrong(tmp_path: Path) -> None:
    for name, mode in (("open", 0o644), ("closed", 0o600), ("group", 0o620)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    found = mode_findings([tmp_path / name for name in ("open", "closed", "group", "missing")])
    assert titles(found, Level.WRONG) == ["Others may open open", "Others may open group"]
    assert found[0].fix == f"chmod 600 {tmp_path / 'open'}"


def test_prices_that_are_old_or_of_unknown_age_are_a_note() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    fresh = price_finding(now - timedelta(days=3), now)
    assert (fresh.level, fresh.title) == (Level.FINE, "The prices are 3 days old")
    for as_of in (None, now - timedelta(days=60)):
        assert "bursar prices update" in price_finding(as_of, now).meaning


def test_what_is_wrong_stands_first(ledger: Ledger) -> None:
    note_provider_key(ledger, KeyName("anthropic"), datetime.now(UTC))
    found = in_order(machine_findings(ledger, FREE, FixedVault({}), [], datetime.now(UTC)))
    assert found[0].level is Level.WRONG
    assert {finding.subject for finding in found} == {"Meter", "Ledger", "Prices", "Keyring", "Agents"}


def test_a_backup_and_its_age_are_told(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    assert titles(ledger_findings(ledger.path, now), Level.NOTE) == ["There is no backup yet"]
    back_up(ledger.path, now)
    assert titles(ledger_findings(ledger.path, now + timedelta(days=2)), Level.FINE)[-1] == (
        "The last backup was made 2 days ago; 1 kept"
    )
    assert titles(ledger_findings(ledger.path, now + timedelta(days=9)), Level.NOTE) == [
        "The last backup was made 9 days ago"
    ]


def test_a_disk_that_was_full_and_a_damaged_ledger_are_wrong(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    assert take_on(ledger.path)
    assert titles(ledger_findings(ledger.path, now), Level.WRONG) == []
    assert give_up(ledger.path)
    assert titles(ledger_findings(ledger.path, now), Level.WRONG) == ["The disk is full"]
    assert take_on(ledger.path)
    ledger.close()
    with ledger.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 40_960)
    assert titles(ledger_findings(ledger.path, now), Level.WRONG) == ["The ledger is damaged"]
