"""What was spent: sums over calls that the window and the command line ask for alike.

Sums add known costs only; how many calls have no price is told beside them, so a sum can be shown as a floor. What a
subscription paid for is no money spent: its list price stands beside the cost.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from operator import add

from app.core.call import Basis, Outcome
from app.core.tags import Billing, Scope
from app.ledger.glance import Reader
from app.ledger.sum_questions import Answer, Question, answer

_LABELS = {
    Scope.EVERYTHING: "''",
    Scope.USER: "user_name",
    Scope.VIRTUAL_KEY: "virtual_key_id",
    Scope.MODEL: "model",
}
"""The column of a sum that holds a scope's labels, where it has another name. For models, the one that answered: it was
paid."""
_SUMMED = (
    *("outcome", "cost_basis", "billing", "number", "input_tokens", "output_tokens", "cache_read_tokens"),
    *("cache_write_tokens", "cost_nano_usd"),
)
_SENT, _MONEY = f"outcome <> '{Outcome.REFUSED}'", f"billing = '{Billing.API}'"
_SUMS = {
    "calls": ("number", _SENT),
    "refused_calls": ("number", f"NOT {_SENT}"),
    "failed_calls": ("number", f"outcome = '{Outcome.FAILED}'"),
    "input_tokens": ("input_tokens", "true"),
    "output_tokens": ("output_tokens", "true"),
    "cache_read_tokens": ("cache_read_tokens", "true"),
    "cache_write_tokens": ("cache_write_tokens", "true"),
    "cost_nano_usd": ("cost_nano_usd", _MONEY),
    "unpriced_calls": ("number", f"cost_basis = '{Basis.UNPRICED}' AND {_MONEY}"),
    "estimated_calls": ("number", f"cost_basis = '{Basis.ESTIMATED}' AND {_MONEY}"),
    "subscription_calls": ("number", f"{_SENT} AND NOT {_MONEY}"),
    "subscription_nano_usd": ("cost_nano_usd", f"NOT {_MONEY}"),
}


@dataclass(frozen=True, slots=True)
class Spend:
    """Sums of one group of calls. `calls` counts those that were sent; token sums take the unknown as nothing.

    `cost_nano_usd` is the sum of the known costs. `subscription_calls` are those of the calls that a subscription paid
    for, and `subscription_nano_usd` is what the API would have asked for them.
    """

    key: str
    calls: int
    refused_calls: int
    failed_calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_nano_usd: int
    unpriced_calls: int
    estimated_calls: int
    subscription_calls: int = 0
    subscription_nano_usd: int = 0


def sums_by(reader: Reader, by: Scope, start: datetime, end: datetime) -> list[Spend]:
    """Sums of the calls begun in [start, end) for each label of one scope, dearest first. The key is empty where calls
    have no such label."""
    return spends_of(answer(reader, spend_question(by), start, end))


def spend_question(by: Scope) -> Question:
    """What is asked for the spend of each label of one scope."""
    sums = (f"coalesce(sum({name}) FILTER (WHERE {where}), 0)" for name, where in _SUMS.values())
    label = _LABELS.get(by, by.value)
    columns = _SUMMED if by is Scope.EVERYTHING else (label, *_SUMMED)
    return Question(label, columns, tuple(sums), (add,) * len(_SUMS))


def spends_of(answered: Answer) -> list[Spend]:
    """The spend of each label, dearest first."""
    found = [Spend(key, *sums) for key, sums in answered.items()]
    return sorted(found, key=lambda spend: (-spend.cost_nano_usd, -spend.calls, spend.key))


def whole_of(groups: list[Spend]) -> Spend:
    """The sums over all groups."""
    names = [field.name for field in fields(Spend) if field.name != "key"]
    return Spend("", **{name: sum(getattr(group, name) for group in groups) for name in names})
