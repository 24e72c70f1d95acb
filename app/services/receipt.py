"""What one virtual key has bought: the receipt that `bursar run` prints and the demo adds up."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from app.core.call import Basis, Call, Outcome
from app.core.money import format_call_usd, format_usd
from app.ledger.call_store import calls_of_key
from app.ledger.engine import Ledger

QUIET_S = 0.3
SETTLE_LIMIT_S = 3.0
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Receipt:
    """Sums over calls. `calls` were sent, `refused_calls` were not. Tokens that no provider told count as nothing."""

    calls: int
    refused_calls: int
    input_tokens: int
    output_tokens: int
    cost_nano_usd: int
    unpriced_calls: int
    estimated_calls: int


def receipt_of(calls: Iterable[Call]) -> Receipt:
    """The sums over these calls."""
    sent, refused = [], 0
    for call in calls:
        if call.outcome is Outcome.REFUSED:
            refused += 1
        else:
            sent.append(call)
    return Receipt(
        calls=len(sent),
        refused_calls=refused,
        input_tokens=sum(call.usage.input_tokens or 0 for call in sent),
        output_tokens=sum(call.usage.output_tokens or 0 for call in sent),
        cost_nano_usd=sum(call.cost_nano_usd or 0 for call in sent),
        unpriced_calls=sum(call.cost_basis is Basis.UNPRICED for call in sent),
        estimated_calls=sum(call.cost_basis is Basis.ESTIMATED for call in sent),
    )


def settled_receipt(ledger: Ledger, key_id: str) -> Receipt:
    """The receipt of a key whose agent has just ended.

    The meter writes a call a moment after its last byte, so this waits until nothing new has come for 0.3 s, at most
    three seconds. Raises LedgerError.
    """
    deadline = time.monotonic() + SETTLE_LIMIT_S
    receipt, since = receipt_of(calls_of_key(ledger, key_id)), time.monotonic()
    while time.monotonic() < min(since + QUIET_S, deadline):
        time.sleep(_POLL_S)
        newest = receipt_of(calls_of_key(ledger, key_id))
        if newest != receipt:
            receipt, since = newest, time.monotonic()
    return receipt


def format_tokens(count: int) -> str:
    """A count of tokens: `950`, `12.4k`, `2.2M`."""
    if count < 1_000:
        return str(count)
    if count < 999_950:
        return f"{count / 1_000:.1f}k"
    return f"{count / 1_000_000:.1f}M"


def format_sum(cost_nano_usd: int, *, unpriced_calls: int, estimated_calls: int) -> str:
    """A sum with its basis: `$1.50`, `~$0.42` with an estimated part, `$1.50+` with calls of unknown price."""
    if unpriced_calls and not cost_nano_usd:
        return format_usd(None)
    return f"{'~' if estimated_calls else ''}{format_usd(cost_nano_usd)}{'+' if unpriced_calls else ''}"


def format_receipt(receipt: Receipt) -> str:
    """One line: `12 calls, 45.2k tokens in, 3.1k out, $1.24`, with what is unknown or was refused at its end."""
    cost = format_sum(
        receipt.cost_nano_usd, unpriced_calls=receipt.unpriced_calls, estimated_calls=receipt.estimated_calls
    )
    if cost == "<$0.01":
        cost = format_call_usd(receipt.cost_nano_usd)
    parts = [
        _counted(receipt.calls, "call"),
        f"{format_tokens(receipt.input_tokens)} tokens in, {format_tokens(receipt.output_tokens)} out",
        cost,
    ]
    if receipt.unpriced_calls:
        parts.append(f"{_counted(receipt.unpriced_calls, 'call')} without a price")
    if receipt.refused_calls:
        parts.append(f"{_counted(receipt.refused_calls, 'call')} refused")
    return ", ".join(parts)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
