"""A meter that runs prices by what a person sets, from the next call on, and holds by what it has seen."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openai
import pytest

from app.core.call import Basis, Call
from app.core.caps import Action
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.windows import Window
from app.ledger.cap_store import add_cap
from app.ledger.price_store import add_override, keep_table, undo_table
from app.pricing.overrides import Rates
from tests.end2end.meter_process import RunningMeter, meter, wait_until
from tests.end2end.provider import Provider, chat_completion
from tests.end2end.sdks import openai_client
from tests.pricing.tables import changed

pytestmark = pytest.mark.end2end


@pytest.fixture
def running(home: Path, provider: Provider) -> Iterator[RunningMeter]:
    provider.answer = lambda _seen: chat_completion(1_000, 100)
    with meter(home, {"openai": provider.url}) as started:
        yield started


def ask(running: RunningMeter, model: str = "gpt-5-mini", *, limit: int = 100, text: str = "hello") -> None:
    client = openai_client(running.gateway, running.token)
    client.chat.completions.create(
        model=model, max_completion_tokens=limit, messages=[{"role": "user", "content": text}]
    )


def newest_cost(running: RunningMeter, count: int) -> int | None:
    return running.calls(count)[-1].cost_nano_usd


def test_a_price_that_is_set_counts_from_the_next_call_on(running: RunningMeter) -> None:
    add_cap(
        running.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.DAY, limit_nano_usd=NANO_PER_USD,
        action=Action.BLOCK, time_zone="UTC",
    )  # fmt: skip
    with pytest.raises(openai.APIStatusError, match="price is not known"):
        ask(running, "house-model")

    add_override(running.ledger, provider="openai", model="*", host="*", rates=Rates(Decimal(10), Decimal(100)))

    def is_let_through() -> bool:
        try:
            ask(running, "house-model")
        except openai.APIStatusError:
            return False
        return True

    def paid() -> list[Call]:
        return [one for one in running.calls(1) if one.cost_nano_usd]

    wait_until(is_let_through, "the price to count")
    wait_until(paid, "the call in the ledger")
    (call,) = paid()
    assert (call.cost_nano_usd, call.cost_basis) == (1_000 * 10_000 + 100 * 100_000, Basis.TABLE)
    assert "set by you" in call.price_version


def test_a_fetched_table_counts_until_it_is_undone(running: RunningMeter) -> None:
    ask(running)
    assert newest_cost(running, 1) == 1_000 * 250 + 100 * 2_000
    keep_table(running.ledger, changed(gpt_5_mini={"input_mtok": 1, "output_mtok": 1}), "a test", datetime.now(UTC))

    def cost_now() -> int | None:
        before = running.count()
        ask(running)
        return newest_cost(running, before + 1)

    wait_until(lambda: cost_now() == 1_100 * 1_000, "the fetched table")
    undo_table(running.ledger)
    wait_until(lambda: cost_now() == 1_000 * 250 + 100 * 2_000, "the table before")


def test_a_conversation_that_goes_on_is_held_for_what_it_adds(running: RunningMeter) -> None:
    """30,000 bytes cost at most 0.8 cents unseen; once they are known to be 1,000 tokens, far less."""
    text = "word " * 6_000
    client = openai_client(running.gateway, running.token)
    first = [{"role": "user", "content": text}]
    longer = [*first, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "go on"}]

    def say(messages: list[dict[str, str]]) -> None:
        client.chat.completions.create(model="gpt-5-mini", max_completion_tokens=100, messages=messages)  # type: ignore[arg-type]

    say(first)
    add_cap(
        running.ledger, scope=Scope.EVERYTHING, scope_key="", window=Window.TOTAL,
        limit_nano_usd=(newest_cost(running, 1) or 0) + 2_000_000, action=Action.BLOCK, time_zone="UTC",
    )  # fmt: skip

    with pytest.raises(openai.APIStatusError, match="cap"):
        say([{"role": "user", "content": "other " + text}])
    say(longer)
