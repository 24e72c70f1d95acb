from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.money import MAX_CALL_NANO_USD
from app.core.reservations import Draft, Obstacle, Refusal, Verdict
from app.core.tags import Tags
from app.core.usage import MAX_COUNT, Usage

CALL = Call(
    call_id="1",
    started_at=datetime(2026, 11, 22, tzinfo=UTC),
    provider="anthropic",
    api_shape=ApiShape.ANTHROPIC_MESSAGES,
    operation="chat",
    request_model="opus",
    tags=Tags(project="p"),
    outcome=Outcome.COMPLETED,
    usage=Usage(),
    cost_nano_usd=5,
    cost_basis=Basis.TABLE,
)
DRAFT = Draft("1", CALL.started_at, "anthropic", CALL.api_shape, "chat", "opus", False, CALL.tags, 7)
COUNTS = [field.name for field in fields(Usage)]


def usage_with(name: str, value: Any) -> Usage:
    values: dict[str, Any] = {name: value}
    return Usage(**values)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [-1, True, 1.0, "5"])
def test_a_count_is_a_whole_number_or_unknown(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        usage_with(name, value)


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_beyond_sense_is_bounded_so_that_it_can_be_stored(name: str) -> None:
    assert getattr(usage_with(name, 10**40), name) == MAX_COUNT
    assert getattr(usage_with(name, MAX_COUNT), name) == MAX_COUNT


@pytest.mark.parametrize(
    ("usage", "is_known"),
    [
        (Usage(), False),
        (Usage(cache_read_tokens=5), False),
        (Usage(input_tokens=0), True),
        (Usage(output_tokens=0), True),
        (Usage(reported_cost_nano_usd=0), True),
    ],
)
def test_usage_is_known_by_a_total_or_a_cost_and_nought_is_known(usage: Usage, is_known: bool) -> None:
    assert usage.is_known is is_known


@pytest.mark.parametrize(("cost", "basis"), [(None, Basis.TABLE), (None, Basis.ESTIMATED), (0, Basis.UNPRICED)])
def test_a_cost_is_unknown_exactly_when_it_is_unpriced(cost: int | None, basis: Basis) -> None:
    with pytest.raises(ValueError, match="unpriced"):
        replace(CALL, cost_nano_usd=cost, cost_basis=basis)


def test_no_call_earns_money_or_costs_more_than_can_be_added_up() -> None:
    with pytest.raises(ValueError, match="earn"):
        replace(CALL, cost_nano_usd=-1)
    with pytest.raises(ValueError, match="less than nothing"):
        replace(DRAFT, worst_nano_usd=-1)
    assert replace(CALL, cost_nano_usd=10**30).cost_nano_usd == MAX_CALL_NANO_USD
    assert replace(DRAFT, worst_nano_usd=10**30).worst_nano_usd == MAX_CALL_NANO_USD


def test_names_from_the_wire_are_cleaned_alike_in_call_and_draft() -> None:
    odd = "gpt\ud800\u202e-5\n"
    call = replace(CALL, request_model=odd, response_model=odd, response_id=odd, error_type="x" * 9_999)
    assert call.request_model == call.response_model == call.response_id == "gpt -5"
    assert len(call.error_type) == 200
    assert replace(DRAFT, request_model=odd).request_model == call.request_model


def test_the_model_is_the_one_that_answered() -> None:
    assert CALL.model == "opus"
    assert replace(CALL, response_model="opus-5").model == "opus-5"


def test_a_verdict_admits_only_where_nothing_stands_in_the_way() -> None:
    obstacle = Obstacle(Refusal.EXHAUSTED, "c", "Everything, today", "k", True, 1, 0, 1, None)
    assert Verdict().is_admitted
    assert not Verdict(is_paused=True).is_admitted
    assert not Verdict((obstacle,)).is_admitted
    assert DRAFT.payer.model == "opus"
