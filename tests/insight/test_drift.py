from datetime import date

import pytest

from app.core.day_count import DayCount
from app.insight.drift import reasons

DAY = DayCount(
    date(2026, 11, 20), "anthropic", wire_calls=5, wire_nano_usd=5_000_000_000, billed_nano_usd=5_000_000_000
)


def changed(**values: int | None) -> DayCount:
    return DayCount(**{name: getattr(DAY, name) for name in DAY.__slots__} | values)


def test_counts_that_agree_need_no_reason() -> None:
    assert reasons(DAY) == ()
    assert reasons(changed(log_calls=5, log_nano_usd=5_000_000_000)) == ()


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (changed(billed_nano_usd=None), "No export"),
        (changed(billed_nano_usd=6_000_000_000), "$1.00 more than meter and logs know: calls that neither saw"),
        (changed(billed_nano_usd=6_000_000_000, wire_unpriced=1), "$1.00 more than meter and logs know; calls without"),
        (changed(billed_nano_usd=4_000_000_000), "$1.00 less than meter and logs know: credits"),
        (changed(log_calls=2, log_only_calls=2, log_only_nano_usd=10_000_000), "unseen by the meter: 2 calls ($0.01)"),
        (
            changed(log_calls=2, log_only_calls=2, log_only_nano_usd=10_000_000),
            "$0.01 less than meter and logs know; w",
        ),
        (changed(log_calls=3), "In no imported log: 2 metered calls"),
        (changed(log_calls=5, tied_log_nano_usd=3, tied_wire_nano_usd=10_000_003), "come to $0.01 less"),
        (changed(wire_estimated=1), "Estimated: 1 metered call"),
        (changed(subscription_calls=2, subscription_nano_usd=10**9), "on no bill: 2 metered calls ($1.00)"),
        (changed(subscription_calls=2, subscription_nano_usd=10**9), "$1.00 more than meter and logs know"),
    ],
)
def test_each_drift_is_given_its_reason(day: DayCount, said: str) -> None:
    assert any(said in reason for reason in reasons(day)), reasons(day)
