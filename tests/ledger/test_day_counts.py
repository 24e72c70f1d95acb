from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from app.core.call import Basis, Outcome
from app.core.day_count import DayCount
from app.core.history import BilledAmount, LoggedCall, LogSource
from app.core.tags import Billing
from app.ledger.bill_store import replace_days
from app.ledger.day_counts import day_counts
from app.ledger.engine import Ledger
from app.ledger.imported_calls import link_since, store_calls
from tests.ledger.test_imported_calls import AT, BEGINNING, logged, metered, put_on_wire

TODAY, YESTERDAY = date(2026, 11, 20), date(2026, 11, 19)


def test_what_a_subscription_paid_for_is_on_no_bill(ledger: Ledger) -> None:
    put_on_wire(ledger, metered("w1"), replace(metered("w2"), billing=Billing.SUBSCRIPTION))
    replace_days(ledger, "google", [BilledAmount("google", TODAY, "gemini", 1_000)])
    [day] = day_counts(ledger, datetime(2026, 11, 1, tzinfo=UTC))
    assert (day.wire_calls, day.wire_nano_usd) == (2, 2_000)
    assert (day.subscription_calls, day.subscription_nano_usd, day.drift_nano_usd) == (1, 1_000, 0)


def test_a_day_is_counted_three_ways_and_each_call_once(ledger: Ledger) -> None:
    unpriced = replace(metered("w2", response_id="r2"), cost_nano_usd=None, cost_basis=Basis.UNPRICED)
    refused = replace(metered("w3"), outcome=Outcome.REFUSED, cost_nano_usd=0)
    put_on_wire(ledger, metered("w1", response_id="r1"), unpriced, refused)
    dearer = logged("l1", response_id="r1")
    dearer = LoggedCall(LogSource.GEMINI, replace(dearer.call, cost_nano_usd=1_200))
    store_calls(ledger, [dearer, logged("l9", response_id="r9"), logged("old", response_id="r8", after_s=-86_400)])
    link_since(ledger, BEGINNING)
    replace_days(ledger, "google", [BilledAmount("google", TODAY, "gemini", 2_500)])

    found = day_counts(ledger, datetime(2026, 11, 1, tzinfo=UTC))

    assert found == [
        DayCount(YESTERDAY, "google", log_calls=1, log_nano_usd=1_000, log_only_calls=1, log_only_nano_usd=1_000),
        DayCount(
            TODAY,
            "google",
            wire_calls=2,
            wire_nano_usd=1_000,
            wire_unpriced=1,
            log_calls=2,
            log_nano_usd=2_200,
            log_only_calls=1,
            log_only_nano_usd=1_000,
            tied_log_nano_usd=1_200,
            tied_wire_nano_usd=1_000,
            billed_nano_usd=2_500,
        ),
    ]
    assert (found[1].known_nano_usd, found[1].drift_nano_usd) == (2_000, 500)
    assert day_counts(ledger, AT + timedelta(days=1)) == []
