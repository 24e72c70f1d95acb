from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.call_input import MissCause
from app.core.call_sum import COMPLETED, Account, CallSum, MissSum
from app.core.origin import RequestClass
from app.insight.causes import BY_MISS, Cause
from app.insight.explain import Explanation, explain
from app.insight.sides import side_of
from tests.insight.sums import CARD, TASK, any_account


def priced(calls: int, *, given: int, read: int = 0, made: int = 0, model: str = "opus") -> CallSum:
    """A side at list prices: so many tokens in all."""
    provider = "anthropic" if model == "opus" else "openai"
    rates = CARD[provider, model]
    cost = (given - read) * rates.fresh + read * rates.cache_read + made * rates.output
    assert cost.denominator == 1
    return CallSum(TASK, provider, model, calls, given, read, output_tokens=made, cost_nano_usd=int(cost))


BASE = priced(10, given=100_000, read=80_000, made=5_000)


def parts(mine: CallSum, other: CallSum = BASE) -> dict[Cause, int]:
    found = explain(side_of(Account((mine,)), CARD), side_of(Account((other,)), CARD))
    assert sum(part.nano_usd for part in found.parts) == found.difference_nano_usd
    return {part.cause: part.nano_usd for part in found.parts if part.nano_usd}


@given(any_account(), any_account(), st.integers(1, 9))
def test_the_parts_sum_to_the_difference_whatever_the_ledger_holds(mine: Account, others: Account, tasks: int) -> None:
    found = explain(side_of(mine, CARD), side_of(others, CARD, tasks=tasks))
    assert sum(part.nano_usd for part in found.parts) == found.difference_nano_usd
    assert found.mine.whole_nano_usd == sum(one.whole_nano_usd for one in mine.sums)


@given(any_account(), any_account())
def test_seen_from_the_other_side_each_part_turns_around(mine: Account, other: Account) -> None:
    there = explain(side_of(mine, CARD), side_of(other, CARD))
    back = explain(side_of(other, CARD), side_of(mine, CARD))
    for one, two in zip(there.parts, back.parts, strict=True):
        assert abs(one.nano_usd + two.nano_usd) <= 1


@given(any_account())
def test_two_equal_tasks_differ_in_nothing(sums: Account) -> None:
    found = explain(side_of(sums, CARD), side_of(sums, CARD))
    assert {part.nano_usd for part in found.parts} == {0}


def test_twice_as_many_calls_are_the_whole_cause() -> None:
    double = priced(20, given=200_000, read=160_000, made=10_000)
    assert parts(double) == {Cause.CALLS: BASE.cost_nano_usd}


def test_each_planted_cause_is_named_with_its_dollars() -> None:
    assert parts(priced(10, given=160_000, read=128_000, made=5_000)) == {Cause.INPUT: 12_000 * 5_000 + 48_000 * 500}
    assert parts(priced(10, given=100_000, read=0, made=5_000)) == {Cause.CACHE: 80_000 * (5_000 - 500)}
    assert parts(priced(10, given=100_000, read=80_000, made=9_000)) == {Cause.OUTPUT: 4_000 * 25_000}
    assert parts(replace(BASE, failed_calls=2, failed_nano_usd=7)) == {Cause.FAILED: 7}
    assert parts(replace(BASE, interrupted_nano_usd=9)) == {Cause.INTERRUPTED: 9}
    assert parts(replace(BASE, cost_nano_usd=BASE.cost_nano_usd + 1_000)) == {Cause.PRICE: 1_000}


def test_calls_beside_the_main_conversation_are_causes_of_their_own() -> None:
    for request_class, cause in (
        (RequestClass.SUB_AGENT, Cause.SUB_AGENTS),
        (RequestClass.COMPACTION, Cause.COMPACTION),
        (RequestClass.TITLE, Cause.ASIDE),
        (RequestClass.SIDE, Cause.ASIDE),
    ):
        beside = replace(priced(30, given=600_000, made=9_000), request_class=request_class)
        found = explain(side_of(Account((BASE, beside)), CARD), side_of(Account((BASE,)), CARD))
        assert [(part.cause, part.nano_usd) for part in found.largest_first] == [(cause, beside.cost_nano_usd)]


def test_calls_after_failed_tools_are_taken_out_of_the_conversation_whole() -> None:
    retries = priced(20, given=200_000, made=1_000)
    both = {name: getattr(BASE, name) + getattr(retries, name) for name in COMPLETED}
    mine = Account((replace(BASE, **both),), (retries,))
    found = explain(side_of(mine, CARD), side_of(Account((BASE,)), CARD))
    assert [(part.cause, part.nano_usd) for part in found.largest_first] == [
        (Cause.AFTER_FAILURES, retries.cost_nano_usd)
    ]
    assert found.mine.strands[Cause.AFTER_FAILURES].count == 20


@pytest.mark.parametrize("cause", [cause for cause in MissCause if cause not in {MissCause.NONE, MissCause.FIRST}])
def test_what_was_paid_for_again_is_a_cause_of_its_own_and_no_share_of_the_cache(cause: MissCause) -> None:
    missed = 40_000
    cost = BASE.cost_nano_usd + missed * (6_250 - 500)
    again = replace(
        BASE, cache_read_tokens=BASE.cache_read_tokens - missed, cache_write_tokens=missed, cost_nano_usd=cost
    )
    miss = MissSum(again.kin, cause, 4, missed, missed, 0, missed * (6_250 - 500))
    found = explain(side_of(Account((again,), (), (miss,)), CARD), side_of(Account((BASE,)), CARD))
    [part] = found.largest_first
    assert part.nano_usd == missed * (6_250 - 500)
    assert part.cause is BY_MISS.get(cause, Cause.MISSED)
    assert found.mine.strands[part.cause].count == 4


def test_web_searches_are_told_apart_from_tokens_at_their_list_price() -> None:
    searched = replace(BASE, web_searches=3, cost_nano_usd=BASE.cost_nano_usd + 30_000_000)
    assert parts(searched) == {Cause.SEARCHES: 30_000_000}


def test_writing_the_cache_is_a_matter_of_its_share() -> None:
    written = replace(BASE, cache_write_tokens=20_000, cost_nano_usd=BASE.cost_nano_usd + 20_000 * (6_250 - 5_000))
    assert parts(written) == {Cause.CACHE: 20_000 * 1_250}


def test_another_model_for_the_same_work_is_a_matter_of_price() -> None:
    mini = priced(10, given=120_000, read=96_000, made=6_000, model="mini")
    opus = priced(10, given=120_000, read=96_000, made=6_000)
    assert parts(opus, mini) == {Cause.PRICE: opus.cost_nano_usd - mini.cost_nano_usd}


def test_calls_without_a_price_stand_beside_the_sum() -> None:
    found: Explanation = explain(
        side_of(Account((replace(BASE, unpriced_calls=3),)), CARD), side_of(Account((BASE,)), CARD)
    )
    assert found.difference_nano_usd == 0
    assert found.mine.unpriced_calls == 3


@pytest.mark.parametrize("tasks", [1, 3])
def test_against_nothing_all_is_due_to_the_calls(tasks: int) -> None:
    found = explain(side_of(Account((BASE,)), CARD), side_of(Account(), CARD, tasks=tasks))
    assert [(part.cause, part.nano_usd) for part in found.largest_first] == [(Cause.CALLS, BASE.cost_nano_usd)]
