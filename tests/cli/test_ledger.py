import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.tables import totals
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call
from tests.ledger.bookkeeping import spend_money


def test_a_sound_ledger_is_said_to_be_so(bursar: Bursar, ledger: Ledger) -> None:
    bursar("caps", "add", "10", "--time-zone", "UTC")
    book_call(ledger, Tags(project="billing-api"), 2_000_000_000)
    verified = bursar("ledger", "verify")
    assert (verified.status, verified.out) == (0, "The ledger is sound: 1 window derived again, no difference.\n")


def test_a_difference_is_named_ends_with_status_1_and_is_repaired(bursar: Bursar, ledger: Ledger) -> None:
    bursar("caps", "add", "10", "--time-zone", "UTC")
    book_call(ledger, Tags(project="billing-api"), 2_000_000_000)
    with ledger.write() as connection:
        connection.execute(totals.update().values(posted_nano_usd=1_500_000_000))
    verified = bursar("ledger", "verify")
    assert verified.status == 1
    assert "spent is $1.50, derived $2.00" in verified.out
    told = json.loads(bursar("ledger", "verify", "--json").out)
    assert [(one["figure"], one["written_usd"], one["derived_usd"]) for one in told["differences"]] == [
        ("spent", "1.50", "2.00")
    ]
    assert bursar("ledger", "verify", "--repair").status == 0
    assert bursar("ledger", "verify").status == 0


def test_a_backup_is_made_and_put_back_in_place_of_a_damaged_ledger(bursar: Bursar, ledger: Ledger, home: Path) -> None:
    bursar("caps", "add", "10", "--time-zone", "UTC")
    book_call(ledger, Tags(project="billing-api"), 2_000_000_000)
    backed_up = bursar("ledger", "backup")
    assert backed_up.status == 0
    assert "and verified.\n1 backup is kept." in backed_up.out
    assert bursar("ledger", "restore").status == 1, "there is nothing to restore"
    ledger.close()
    os.truncate(home / "ledger.sqlite", 5_000)

    verified = bursar("ledger", "verify")
    assert verified.status == 1
    assert "The ledger is damaged" in verified.err
    assert "bursar ledger restore" in verified.err
    restored = bursar("ledger", "restore")

    assert restored.status == 0
    assert restored.out.startswith("The ledger is back, on the backup ledger-")
    assert "Calls may be missing from" in restored.out
    assert bursar("ledger", "verify").status == 0
    [kept] = (home / "quarantine").glob("*/ledger.sqlite")
    assert kept.stat().st_size == 5_000


def test_a_lost_ledger_is_told_by_every_command_and_none_is_made(bursar: Bursar, ledger: Ledger, home: Path) -> None:
    bursar("ledger", "backup")
    ledger.close()
    for file in home.glob("ledger.sqlite*"):
        file.unlink()
    for command in (("spend",), ("caps", "list"), ("ledger", "backup"), ("ledger", "compact"), ("doctor",)):
        told = bursar(*command)
        assert told.status == 1
        assert "The ledger is gone" in told.err + told.out
        assert "bursar ledger restore" in told.err + told.out
    assert not (home / "ledger.sqlite").exists()
    told = json.loads(bursar("ledger", "restore", "--json").out)
    assert (told["calls"], told["recovered_calls"]) == (0, 0)


def test_where_there_is_nothing_to_put_back_an_empty_one_is_begun_when_told_to(
    bursar: Bursar, ledger: Ledger, home: Path
) -> None:
    ledger.close()
    (home / "ledger.sqlite.meters").mkdir(mode=0o700)
    for file in home.glob("ledger.sqlite*"):
        if file.is_file():
            file.unlink()
    assert "bursar ledger restore --empty" in bursar("ledger", "restore").err
    assert bursar("ledger", "restore", "--empty").out.startswith("The ledger is back, on an empty ledger: 0 calls.")


def test_old_calls_are_dropped_as_the_settings_say(bursar: Bursar, ledger: Ledger, home: Path) -> None:
    for days in (1, 100):
        spend_money(ledger, 10**9, at=datetime.now(UTC) - timedelta(days=days), project="p")
    assert bursar("ledger", "compact").out.startswith("All calls are kept.\nThe ledger takes ")
    (home / "settings.json").write_text('{"retention_days": 60}')
    assert bursar("ledger", "compact").out.startswith("1 call older than 60 days was dropped.\n")
    assert "$2.00" in bursar("spend", "--since", "all").out
