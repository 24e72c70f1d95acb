import json

from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.tables import totals
from tests.cli.conftest import Bursar
from tests.cli.samples import book_call


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
