from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.call_sum import ClassRates
from app.core.spend_group import GROUPED_BY, SpendGroup
from app.core.tags import Scope
from app.insight.overview import (
    TOKENS,
    TokenClass,
    apportion,
    change_percent,
    label_shares,
    task_average,
    token_classes,
)

RATES = ClassRates(Fraction(3_000), Fraction(300), Fraction(3_750), Fraction(6_000), Fraction(15_000), Fraction(10**7))
CARD = {
    ("anthropic", "sonnet"): RATES,
    ("openai", "gpt"): ClassRates(*map(Fraction, (1_250, 125, 1_250, 1_250, 10_000))),
}
COUNTS = st.integers(0, 10**9)


def group(agent: str = "a", cost: int = 0, **more: object) -> SpendGroup:
    return SpendGroup(agent, "p", "t", "u", "anthropic", "sonnet", cost, **more)  # type: ignore[arg-type]


@st.composite
def groups(draw: st.DrawFn) -> list[SpendGroup]:
    """A few groups of models with and without a list price; tokens as odd as a provider may tell them."""
    sums = st.tuples(st.integers(0, 10**15), st.just(0), *[COUNTS] * 6, st.integers(0, 50))
    models = (("anthropic", "sonnet"), ("openai", "gpt"), ("nobody", "knows"))
    return [
        SpendGroup("a", "p", "t", "u", *draw(st.sampled_from(models)), *draw(sums))
        for _ in range(draw(st.integers(0, 6)))
    ]


@given(groups())
def test_classes_add_up_to_the_cost_to_the_nano_dollar(some: list[SpendGroup]) -> None:
    classes = token_classes(some, CARD)
    assert sum(one.nano_usd or 0 for one in classes) == sum(one.cost_nano_usd for one in some)
    assert all((one.nano_usd or 0) >= 0 and one.count >= 0 for one in classes)
    assert [one.kind for one in classes][:5] == list(TOKENS)


@given(st.integers(0, 10**18), st.lists(st.fractions(0, 10**6), min_size=1, max_size=8))
def test_parts_are_within_one_of_their_exact_share(total: int, weights: list[Fraction]) -> None:
    weights = [*weights, Fraction(1, 7)]
    parts = apportion(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 1


def test_a_class_costs_its_tokens_at_list_rates() -> None:
    listed = 100 * 3_000 + 700 * 300 + 200 * 3_750 + 30 * 15_000 + 20 * 15_000
    one = group(
        cost=listed, input_tokens=1_000, cache_read_tokens=700, cache_write_tokens=200, output_tokens=50,
        reasoning_tokens=20,
    )  # fmt: skip
    assert [(part.kind, part.count, part.nano_usd) for part in token_classes([one], CARD)] == [
        (TokenClass.OUTPUT, 30, 450_000),
        (TokenClass.CACHE_READ, 700, 210_000),
        (TokenClass.FRESH, 100, 300_000),
        (TokenClass.CACHE_WRITE, 200, 750_000),
        (TokenClass.REASONING, 20, 300_000),
    ]


def test_an_hours_cache_and_searches_weigh_what_they_cost() -> None:
    one = group(
        cost=6_000_000 + 20_000_000, input_tokens=1_000, cache_write_tokens=1_000, cache_write_1h_tokens=1_000,
        web_searches=2,
    )  # fmt: skip
    classes = {part.kind: (part.count, part.nano_usd) for part in token_classes([one], CARD)}
    assert classes[TokenClass.CACHE_WRITE] == (1_000, 6_000_000)
    assert classes[TokenClass.WEB_SEARCH] == (2, 20_000_000)


def test_what_no_list_price_tells_apart_is_said_to_be_untold() -> None:
    unknown = SpendGroup("a", "p", "t", "u", "nobody", "knows", 70, input_tokens=10, output_tokens=5)
    silent = group(cost=30)
    classes = {part.kind: (part.count, part.nano_usd) for part in token_classes([unknown, silent], CARD)}
    assert classes[TokenClass.UNTOLD] == (0, 100)
    assert classes[TokenClass.FRESH] == (10, None)
    assert classes[TokenClass.CACHE_READ] == (0, 0)


def test_labels_are_dearest_first_with_their_share_and_what_they_were() -> None:
    now = [group("a", 10), group("b", 25), group("a", 5), group("c", 0, unpriced_calls=3), group("d", 0)]
    shares = label_shares(now, [group("a", 30), group("gone", 5)], Scope.AGENT)
    assert [(one.label, one.nano_usd, one.percent, one.before_nano_usd) for one in shares] == [
        ("b", 25, 63, 0),
        ("a", 15, 38, 30),
        ("d", 0, 0, 0),
        ("c", 0, 0, 0),
    ]
    assert shares[-1].unpriced_calls == 3


@pytest.mark.parametrize("by", GROUPED_BY)
def test_whatever_is_looked_at_adds_up_to_the_same(by: Scope) -> None:
    now = [group("a", 10), group("b", 25), group("", 4)]
    shares = label_shares(now, [], by)
    assert sum(one.nano_usd for one in shares) == 39
    assert {one.before_nano_usd for one in shares} == {None}


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(114, 100, 14), (92, 100, -8), (0, 5, -100), (1, 0, None), (1_005, 1_000, 1), (1_004, 1_000, 0)],
)
def test_a_change_is_rounded_to_whole_percent(now: int, before: int, expected: int | None) -> None:
    assert change_percent(now, before) == expected


def test_an_average_task() -> None:
    found = task_average([100, 1, 2, 30])
    assert found is not None
    assert (found.tasks, found.mean_nano_usd, found.median_nano_usd) == (4, 33, 16)
    assert task_average([7]).median_nano_usd == 7  # type: ignore[union-attr]
    assert task_average([]) is None
