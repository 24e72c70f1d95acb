"""What one virtual key has bought: the receipt that `bursar run` prints and the demo adds up."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.core.call import Basis, Call, Outcome
from app.core.call_input import NO_INPUTS, ChosenCalls, InputSums
from app.core.caps import cap_name
from app.core.money import NANO_PER_CENT, format_call_usd, format_exact_usd, format_sum, format_usd
from app.core.origin import OriginSum
from app.core.tags import Billing
from app.core.tool_call import NO_TOOLS, ToolSums
from app.core.wording import format_tokens
from app.insight.family import Line, family_of, line_cost, line_name, shortened
from app.insight.tools import tools_line, tools_values
from app.ledger.call_input_store import input_sums
from app.ledger.call_store import calls_of_key
from app.ledger.cap_store import CapStatus
from app.ledger.engine import Ledger
from app.ledger.tool_store import key_tool_sums

QUIET_S = 0.3
SETTLE_LIMIT_S = 3.0
_POLL_S = 0.05
SHOWN_CONVERSATIONS = 8
_TOKEN_CLASSES = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Sums over calls. `calls` were sent, `failed_calls` among them were answered with an error; `refused_calls` were
    not sent. Tokens that no provider told count as nothing; cache reads and writes are parts of the input, reasoning of
    the output. `subscription_nano_usd` is the list price of what subscriptions paid for; it is in no other sum.
    `family` are the parts that the calls were made by, where there is more than the main conversation, `tools` the
    tools that they asked for, and `inputs` what they sent again and lost by it, at list price."""

    calls: int = 0
    failed_calls: int = 0
    refused_calls: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_nano_usd: int = 0
    unpriced_calls: int = 0
    estimated_calls: int = 0
    subscription_nano_usd: int = 0
    family: tuple[Line, ...] = ()
    tools: ToolSums = NO_TOOLS
    inputs: InputSums = NO_INPUTS

    @property
    def cache_hit_percent(self) -> int | None:
        """How much of the input was read from a cache, rounded down; None without input."""
        return self.cache_read_tokens * 100 // self.input_tokens if self.input_tokens else None


def receipt_of(calls: Iterable[Call], tools: ToolSums = NO_TOOLS, inputs: InputSums = NO_INPUTS) -> Receipt:
    """The sums over these calls; `tools` are those that they asked for, `inputs` what they sent again."""
    sent, refused = [], 0
    for call in calls:
        if call.outcome is Outcome.REFUSED:
            refused += 1
        else:
            sent.append(call)
    paid = [call for call in sent if call.billing is Billing.API]
    return Receipt(
        calls=len(sent),
        failed_calls=sum(call.outcome is Outcome.FAILED for call in sent),
        refused_calls=refused,
        **{name: sum(getattr(call.usage, name) or 0 for call in sent) for name in _TOKEN_CLASSES},
        cost_nano_usd=sum(call.cost_nano_usd or 0 for call in paid),
        unpriced_calls=sum(call.cost_basis is Basis.UNPRICED for call in paid),
        estimated_calls=sum(call.cost_basis is Basis.ESTIMATED for call in paid),
        subscription_nano_usd=sum(call.cost_nano_usd or 0 for call in sent if call.billing is Billing.SUBSCRIPTION),
        family=family_of(_origin_sum(call) for call in sent),
        tools=tools,
        inputs=inputs,
    )


def _origin_sum(call: Call) -> OriginSum:
    is_money = call.billing is Billing.API
    cost = (call.cost_nano_usd or 0) if is_money else 0
    return OriginSum(call.tags.session, call.origin, 1, cost, int(is_money and call.cost_basis is Basis.UNPRICED))


def settled_receipt(ledger: Ledger, key_id: str) -> Receipt:
    """The receipt of a key whose agent has just ended.

    The meter writes a call a moment after its last byte, so this waits until nothing new has come for 0.3 s, at most
    three seconds. Raises LedgerError.
    """
    deadline = time.monotonic() + SETTLE_LIMIT_S
    receipt, since = _receipt_of_key(ledger, key_id), time.monotonic()
    while time.monotonic() < min(since + QUIET_S, deadline):
        time.sleep(_POLL_S)
        newest = _receipt_of_key(ledger, key_id)
        if newest != receipt:
            receipt, since = newest, time.monotonic()
    return receipt


def _receipt_of_key(ledger: Ledger, key_id: str) -> Receipt:
    inputs = input_sums(ledger, ChosenCalls(virtual_key_id=key_id))
    return receipt_of(calls_of_key(ledger, key_id), key_tool_sums(ledger, key_id), inputs)


def format_receipt(receipt: Receipt) -> str:
    """One line: `12 calls, 45.2k tokens in (81% cached), 3.1k out, $1.24`, with what is unknown, failed or was refused
    at its end."""
    cost = format_sum(
        receipt.cost_nano_usd, unpriced_calls=receipt.unpriced_calls, estimated_calls=receipt.estimated_calls
    )
    if cost == "<$0.01":
        cost = format_call_usd(receipt.cost_nano_usd)
    cached = f" ({receipt.cache_hit_percent}% cached)" if receipt.cache_read_tokens else ""
    parts = [
        _counted(receipt.calls, "call"),
        f"{format_tokens(receipt.input_tokens)} tokens in{cached}, {format_tokens(receipt.output_tokens)} out",
        cost,
    ]
    if receipt.subscription_nano_usd:
        parts.append(f"{format_usd(receipt.subscription_nano_usd)} at list price, paid by a subscription")
    for count, what in (
        (receipt.unpriced_calls, "without a price"),
        (receipt.failed_calls, "failed"),
        (receipt.refused_calls, "refused"),
    ):
        if count:
            parts.append(f"{_counted(count, 'call')} {what}")
    return ", ".join(parts)


def format_family(receipt: Receipt) -> list[str]:
    """A line for each part: `├ Explore …a7d03  3 calls, $0.12`; no more than eight conversations."""
    lines = shortened(receipt.family, SHOWN_CONVERSATIONS)
    width = max((len(line_name(line)) for line in lines), default=0)
    return [f"{line_name(line).ljust(width)}  {_counted(line.calls, 'call')}, {line_cost(line)}" for line in lines]


def format_tools(receipt: Receipt) -> str:
    """The tools in one line: `31 tool calls, 3 failed: Bash 20 (3 failed), Read 9`; empty without any."""
    return tools_line(receipt.tools)


def format_cache(receipt: Receipt) -> str:
    """What was lost to the cache, by cause: `tools changed: $0.42 lost to the cache, 120.3k tokens sent again and paid
    in full`; empty where it was no more than a cent."""
    inputs = receipt.inputs
    if inputs.lost_nano_usd <= NANO_PER_CENT:
        return ""
    first, *others = [
        (f"{one.cause}: {format_usd(one.lost_nano_usd)}", one) for one in inputs.causes if one.lost_nano_usd
    ]
    tokens = format_tokens(first[1].missed_tokens)
    said = f"{first[0]} lost to the cache, {tokens} tokens sent again and paid in full"
    return "; ".join([said, *(words for words, _ in others)])


def format_left(cap: CapStatus) -> str:
    """What a cap has left: `$3.76 of $10.00 left of billing-api, today`."""
    left, limit = format_usd(cap.remaining_nano_usd), format_usd(cap.limit_nano_usd)
    return f"{left} of {limit} left of {cap_name(cap.cap)}"


def receipt_values(receipt: Receipt, caps: Iterable[CapStatus]) -> dict[str, Any]:
    """The receipt and the caps it counted in, for scripts: exact amounts in dollars as texts."""
    counts = asdict(replace(receipt, family=()))
    del counts["tools"], counts["inputs"]
    cost = format_exact_usd(counts.pop("cost_nano_usd"))
    covered = format_exact_usd(counts.pop("subscription_nano_usd"))
    return (
        counts
        | tools_values(receipt.tools)
        | {
            "cache_hit_percent": receipt.cache_hit_percent,
            "cost_usd": cost,
            "subscription_usd": covered,
            **_input_values(receipt.inputs),
            "family": [_line_values(line) for line in receipt.family],
            "caps": [
                {
                    "name": cap_name(cap.cap),
                    "limit_usd": format_exact_usd(cap.limit_nano_usd),
                    "spent_usd": format_exact_usd(cap.spent_nano_usd),
                    "held_usd": format_exact_usd(cap.held_nano_usd),
                    "remaining_usd": format_exact_usd(cap.remaining_nano_usd),
                    "resets_at": cap.ends_at.isoformat() if cap.ends_at else None,
                }
                for cap in caps
            ],
        }
    )


def _input_values(inputs: InputSums) -> dict[str, Any]:
    causes = [
        {"cause": one.cause, "calls": one.calls, "missed_tokens": one.missed_tokens}
        | {"lost_usd": format_exact_usd(one.lost_nano_usd)}
        for one in inputs.causes
    ]
    tokens = {name: getattr(inputs, name) for name in ("resent_tokens", "missed_tokens", "tool_tokens")}
    return tokens | {"cache_lost_usd": format_exact_usd(inputs.lost_nano_usd), "cache_misses": causes}


def _line_values(line: Line) -> dict[str, Any]:
    values = asdict(line)
    cost = format_exact_usd(values.pop("cost_nano_usd"))
    return values | {"cost_usd": cost}


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
