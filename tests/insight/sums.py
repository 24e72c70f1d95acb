"""Arbitrary sums over calls, and the rates of three models."""

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from app.core.call_sum import CallSum, ClassRates, RateCard, TaskId

TASK = TaskId("fix retry", "", "claude", "billing-api")
OPUS = ClassRates(*(Fraction(rate) for rate in (5_000, 500, 6_250, 10_000, 25_000)))
MINI = ClassRates(*(Fraction(rate, 3) for rate in (1_000, 100, 0, 0, 8_000)))
CARD: RateCard = {("anthropic", "opus"): OPUS, ("openai", "mini"): MINI}

_tokens = st.integers(0, 10**9)


@st.composite
def any_sums(draw: st.DrawFn) -> list[CallSum]:
    """What a ledger can hold of one task: any models, with and without a list price, any counts that sums can take."""
    models = draw(st.lists(st.sampled_from([*CARD, ("x", "unlisted")]), unique=True, max_size=3))
    found = []
    for provider, model in models:
        counts = {
            "input_tokens": _tokens, "cache_read_tokens": _tokens, "cache_write_tokens": _tokens,
            "output_tokens": _tokens, "cost_nano_usd": st.integers(0, 10**15), "calls": st.integers(0, 5_000),
            "failed_calls": st.integers(0, 50), "failed_nano_usd": st.integers(0, 10**12),
            "interrupted_calls": st.integers(0, 50), "interrupted_nano_usd": st.integers(0, 10**12),
            "unpriced_calls": st.integers(0, 9),
        }  # fmt: skip
        drawn: dict[str, Any] = {name: draw(values) for name, values in counts.items()}
        found.append(CallSum(TASK, provider, model, **drawn))
    return [
        one if one.calls else CallSum(TASK, one.provider, one.model, failed_calls=one.failed_calls) for one in found
    ]
