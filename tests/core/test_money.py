from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.core.money import (
    MAX_NANO_USD,
    decimal_from_nano,
    format_call_usd,
    format_exact_usd,
    format_sum,
    format_usd,
    nano_ceiling,
    nano_from_decimal,
    parse_usd,
)

CENT = 10_000_000


@pytest.mark.parametrize(
    ("text", "nano"),
    [
        ("5", 5_000_000_000),
        ("$2.50", 2_500_000_000),
        (" $ 0.05 ", 50_000_000),
        ("1,200.00", 1_200_000_000_000),
        ("1,234,567", 1_234_567_000_000_000),
        ("12.", 12_000_000_000),
        (".5", 500_000_000),
        ("0.000000001", 1),
        ("2.500000000000", 2_500_000_000),
    ],
)
def test_an_amount_is_read_as_people_write_it(text: str, nano: int) -> None:
    assert parse_usd(text) == nano


@pytest.mark.parametrize(
    "text",
    ["", " ", "$", "0", "0.00", "-5", "−5", "nan", "sNaN", "inf", "1e3", "€5", "5 USD", "five", "1 000", "1.2.3", "٣"],
)
def test_what_is_no_amount_above_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="Write it like"):
        parse_usd(text)


@pytest.mark.parametrize("text", ["2,50", "0,5", "1,2,3", "1234,567", "1,23.4", ",5", "1,000,00"])
def test_a_decimal_comma_is_refused_and_never_read_as_a_hundredfold(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_usd(text)


def test_an_amount_has_bounds_that_are_told() -> None:
    with pytest.raises(InvalidInput, match="too large"):
        parse_usd("4,611,686,018.427387905")
    assert parse_usd("4,611,686,018.427387904") == MAX_NANO_USD
    with pytest.raises(InvalidInput, match="nine decimals"):
        parse_usd("0.0000000001")


def test_a_refused_text_is_quoted_in_part_only() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_usd("x" * 10_000)
    assert len(refused.value.message) < 120


@given(st.integers(1, MAX_NANO_USD))
def test_the_exact_format_is_read_back_exactly(nano: int) -> None:
    assert parse_usd(format_exact_usd(nano)) == nano


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (None, "—"),
        (0, "$0.00"),
        (1, "<$0.01"),
        (CENT - 1, "<$0.01"),
        (CENT, "$0.01"),
        (1_500_000_000, "$1.50"),
        (1_234_560_000_000, "$1,234.56"),
        (9_999_990_000_000, "$9,999.99"),
        (9_999_995_000_000, "$10,000"),
        (12_345_000_000_000, "$12,345"),
        (-80_000_000, "−$0.08"),
    ],
)
def test_amounts_are_shown_by_the_rules_of_the_interface(nano: int | None, text: str) -> None:
    assert format_usd(nano) == text


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (None, "—"),
        (0, "$0.00"),
        (99_999, "<$0.0001"),
        (100_000, "$0.0001"),
        (4_200_000, "$0.0042"),
        (CENT, "$0.01"),
        (1_500_000_000, "$1.50"),
    ],
)
def test_a_call_under_a_cent_has_four_decimals(nano: int | None, text: str) -> None:
    assert format_call_usd(nano) == text


@pytest.mark.parametrize(
    ("nano", "text"), [(0, "0.00"), (1, "0.000000001"), (1_500_000_000, "1.50"), (10**12, "1000.00")]
)
def test_the_exact_format_keeps_all_decimals_and_at_least_two(nano: int, text: str) -> None:
    assert format_exact_usd(nano) == text


@given(st.decimals(0, 1_000_000, places=15))
def test_a_hold_is_never_less_than_the_amount_and_less_than_a_nano_dollar_more(usd: Decimal) -> None:
    assert usd <= decimal_from_nano(nano_ceiling(usd)) < usd + Decimal("1e-9")


@given(st.decimals(0, 1_000_000, places=15))
def test_settling_takes_the_nearest_nano_dollar(usd: Decimal) -> None:
    assert abs(decimal_from_nano(nano_from_decimal(usd)) - usd) <= Decimal("5e-10")


def test_half_a_nano_dollar_settles_to_even_and_is_held_whole() -> None:
    assert [nano_from_decimal(Decimal(half) / 10**10) for half in (5, 15, 25)] == [0, 2, 2]
    assert [nano_ceiling(Decimal(half) / 10**10) for half in (0, 1, 10, 11)] == [0, 1, 1, 2]


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
