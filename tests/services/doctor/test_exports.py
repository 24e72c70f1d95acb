from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.ledger.engine import Ledger, open_ledger
from app.services.doctor.exports import export_findings
from app.services.doctor.finding import Level
from app.services.exports.running import Exports, running_exports
from app.services.exports.webhook_delivery import collect, send_due
from app.services.settings import Settings
from tests.end2end.meter_process import wait_until
from tests.services.exports.happenings import TEAM, go_round, vault_for
from tests.services.exports.receiver import played_receiver

SETTINGS = Settings(webhooks=(TEAM,))
NOW = datetime.now(UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def _running(ledger: Ledger, tmp_path: Path) -> Iterator[None]:
    """The lock is held; nothing is sent."""
    exports = Exports(ledger, tmp_path / "settings.json", vault_for("https://example.com/x"), "the tray")
    exports.start()
    wait_until(lambda: running_exports(ledger.path), "the lock")
    yield
    exports.stop()


def found(ledger: Ledger, settings: Settings = SETTINGS, at: datetime = NOW) -> list[tuple[Level, str]]:
    return [(one.level, one.title) for one in export_findings(ledger, settings, at)]


def test_nothing_is_said_where_nothing_is_exported(ledger: Ledger) -> None:
    assert found(ledger, Settings()) == []


def test_exports_that_nobody_runs_are_a_note(ledger: Ledger) -> None:
    assert found(ledger) == [(Level.NOTE, "Exports do not run")]


@pytest.mark.usefixtures("_running")
def test_what_waits_is_a_note_and_what_never_arrived_is_wrong_for_a_week(ledger: Ledger) -> None:
    wait_until(lambda: (now := running_exports(ledger.path)) and now.pid, "who runs them")
    assert found(ledger) == [(Level.FINE, "Webhook team: run by the tray")]
    collect(ledger, TEAM, NOW)
    go_round(ledger)
    collect(ledger, TEAM, NOW)
    with played_receiver() as receiver:
        vault = vault_for(receiver.url)
        receiver.answers = [(500, {}), (404, {})]
        send_due(ledger, TEAM, vault, NOW)
        assert found(ledger) == [(Level.NOTE, "Webhook team is in trouble")]
        send_due(ledger, TEAM, vault, NOW + timedelta(seconds=2))
    [finding] = export_findings(ledger, SETTINGS, NOW)
    assert (finding.level, finding.title) == (Level.WRONG, "Webhook team was never told of 1 event")
    assert (finding.meaning, finding.fix) == ("The receiver answered with status 404.", "bursar webhooks test team")
    assert found(ledger, at=NOW + timedelta(days=8)) == [(Level.FINE, "Webhook team: run by the tray")]
