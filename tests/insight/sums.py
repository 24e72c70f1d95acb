"""Arbitrary sums over calls, and the rates of three models."""

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from app.core.call_input import MissCause
from app.core.call_sum import COMPLETED, Account, CallSum, ClassRates, MissSum, RateCard, TaskId
from app.core.origin import RequestClass

TASK = TaskId("fix retry", "", "claude", "billing-api")
OPUS = ClassRates(*(Fraction(rate) for rate in (5_000, 500, 6_250, 10_000, 25_000, 10_000_000)))
MINI = ClassRates(*(Fraction(rate, 3) for rate in (1_000, 100, 0, 0, 8_000)))
CARD: RateCard = {("anthropic", "opus"): OPUS, ("openai", "mini"): MINI}

_tokens = st.integers(0, 10**9)


@st.composite
def any_account(draw: st.DrawFn) -> Account:
    """What a ledger can hold of one task: any models, with and without a list price, any purposes, any counts that sums
    can take, any part of the calls that followed failed tools, and of the input that was paid for again."""
    kinds = st.tuples(st.sampled_from([*CARD, ("x", "unlisted")]), st.sampled_from(RequestClass))
    sums, followed, misses = [], [], []
    for (provider, model), request_class in draw(st.lists(kinds, unique=True, max_size=4)):
        counts = {
            "input_tokens": _tokens, "cache_read_tokens": _tokens, "cache_write_tokens": _tokens,
            "output_tokens": _tokens, "cost_nano_usd": st.integers(0, 10**15), "calls": st.integers(0, 5_000),
            "failed_calls": st.integers(0, 50), "failed_nano_usd": st.integers(0, 10**12),
            "interrupted_calls": st.integers(0, 50), "interrupted_nano_usd": st.integers(0, 10**12),
            "unpriced_calls": st.integers(0, 9), "web_searches": st.integers(0, 99),
        }  # fmt: skip
        drawn: dict[str, Any] = {name: draw(values) for name, values in counts.items()}
        if not drawn["calls"]:
            drawn = {"failed_calls": drawn["failed_calls"]}
        sums.append(CallSum(TASK, provider, model, **drawn, request_class=request_class))
        taken = draw(st.integers(0, drawn.get("calls", 0)))
        if taken:  # all that these calls had goes with the last of them
            is_all = taken == drawn["calls"]
            part: dict[str, Any] = {
                name: drawn[name] if is_all else draw(st.integers(0, drawn[name]))
                for name in COMPLETED
                if name in drawn
            }
            followed.append(CallSum(TASK, provider, model, **(part | {"calls": taken}), request_class=request_class))
        rest = sums[-1].without(followed[-1]) if taken else sums[-1]
        for cause in draw(st.lists(st.sampled_from(MissCause), unique=True, max_size=2)):
            missed = draw(st.integers(0, max(0, rest.input_tokens - rest.cache_read_tokens)))
            written = min(missed, rest.cache_write_tokens)
            miss = MissSum(sums[-1].kin, cause, 1, missed, written, 0, draw(st.integers(0, rest.cost_nano_usd)))
            rest = rest.had_it_been_read(miss)
            misses.append(miss)
    return Account(tuple(sums), tuple(followed), tuple(misses))
