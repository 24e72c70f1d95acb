from dataclasses import replace
from datetime import timedelta

from app.core.call import Outcome
from app.core.history import LoggedCall
from app.core.tags import Scope, Tags
from app.ledger.engine import Ledger
from app.ledger.every_call import costed_calls
from app.ledger.imported_calls import link_since, store_calls
from app.ledger.summed_calls import quarter_hours
from tests.ledger.test_imported_calls import AT, BEGINNING, logged, metered, put_on_wire


def fill(ledger: Ledger) -> None:
    shop = Tags(project="shop")
    wire = replace(metered("w1", response_id="r1"), tags=shop)
    refused = replace(metered("w2"), tags=shop, outcome=Outcome.REFUSED)
    put_on_wire(ledger, wire, refused)
    alone = logged("l2", response_id="r2", after_s=-3_600)
    store_calls(ledger, [logged("l1", response_id="r1"), LoggedCall(alone.source, replace(alone.call, tags=shop))])
    link_since(ledger, BEGINNING)


def test_a_call_that_meter_and_log_have_is_one(ledger: Ledger) -> None:
    fill(ledger)
    found = list(costed_calls(ledger, BEGINNING, Scope.EVERYTHING, ""))
    assert [(call.call_id, call.cost_nano_usd) for call in found] == [("l2", 1_000), ("w1", 1_000)]
    assert [call.call_id for call in costed_calls(ledger, AT, Scope.PROJECT, "shop")] == ["w1"]
    assert list(costed_calls(ledger, BEGINNING, Scope.PROJECT, "docs")) == []


def test_spend_is_told_by_the_quarter_of_an_hour(ledger: Ledger) -> None:
    fill(ledger)
    hour = timedelta(hours=1)
    assert sorted(quarter_hours(ledger, Scope.PROJECT, BEGINNING, AT + hour)) == [
        ("shop", AT - hour, 1_000),
        ("shop", AT, 1_000),
    ]
