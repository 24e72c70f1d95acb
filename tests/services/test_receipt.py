import pytest

from app.services.receipt import Receipt, format_receipt, format_sum, format_tokens


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (950, "950"), (1_000, "1.0k"), (12_449, "12.4k"), (999_960, "1.0M"), (2_200_000, "2.2M")],
)
def test_tokens_are_written_short(count: int, text: str) -> None:
    assert format_tokens(count) == text


@pytest.mark.parametrize(
    ("cost", "unpriced", "estimated", "text"),
    [
        (0, 0, 0, "$0.00"),
        (1_500_000_000, 0, 0, "$1.50"),
        (0, 2, 0, "—"),
        (1_500_000_000, 1, 0, "$1.50+"),
        (10**9, 0, 1, "~$1.00"),
    ],
)
def test_a_sum_tells_what_it_does_not_know(cost: int, unpriced: int, estimated: int, text: str) -> None:
    assert format_sum(cost, unpriced_calls=unpriced, estimated_calls=estimated) == text


def test_a_receipt_is_one_line() -> None:
    assert format_receipt(Receipt(12, 0, 45_200, 3_100, 1_240_000_000, 0, 0)) == (
        "12 calls, 45.2k tokens in, 3.1k out, $1.24"
    )
    assert format_receipt(Receipt(1, 2, 10, 5, 4_200_000, 0, 0)) == (
        "1 call, 10 tokens in, 5 out, $0.0042, 2 calls refused"
    )
    assert format_receipt(Receipt(1, 0, 0, 0, 0, 1, 0)) == ("1 call, 0 tokens in, 0 out, —, 1 call without a price")
