"""What the racing agents ask for, and what the provider charges for it by a price list of its own.

Nothing here is taken from Bursar: the bill that a cap is held against must not share a mistake with the cap.
"""

import json
import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trade:
    """One kind of call. Prices in nano-dollars a token; an answer has `least` to `most` tokens, never above the limit
    it was asked for."""

    path: str
    provider: str
    model: str
    limit_field: str
    output_limit: int
    least: int
    most: int
    input_nano: int
    output_nano: int

    def request(self, number: int) -> bytes:
        """The body of an agent's call."""
        asked = [{"role": "user", "content": f"Turn {number} of the race."}]
        return json.dumps({"model": self.model, self.limit_field: self.output_limit, "messages": asked}).encode()

    def answer(self, body: bytes, dice: random.Random) -> tuple[bytes, int]:
        """The provider's answer, with the usage on the wire, and what it bills for it."""
        asked = json.loads(body)
        given = len(body) // 4
        made = min(dice.randint(self.least, self.most), asked[self.limit_field])
        told = _anthropic(self.model, given, made) if self.provider == "anthropic" else _openai(self.model, given, made)
        return json.dumps(told).encode(), given * self.input_nano + made * self.output_nano


def small_holds(output_limit: int = 600) -> Trade:
    """Calls that hold less than a thousandth of a cap of $5; most answers use most of their limit."""
    return Trade(
        "/openai/v1/chat/completions", "openai", "gpt-5-mini", "max_completion_tokens",
        output_limit, output_limit * 2 // 3, output_limit, input_nano=250, output_nano=2_000,
    )  # fmt: skip


def wide_holds(output_limit: int = 32_000) -> Trade:
    """A coding agent's calls: a limit of 32,000 tokens at $25 a million, of which a twentieth is used."""
    return Trade(
        "/anthropic/v1/messages", "anthropic", "claude-opus-4-5", "max_tokens",
        output_limit, 200, 3_000, input_nano=5_000, output_nano=25_000,
    )  # fmt: skip


TRADES = {"small": small_holds, "wide": wide_holds}


def _openai(model: str, given: int, made: int) -> dict[str, object]:
    message = {"role": "assistant", "content": "done"}
    return {
        "id": "chatcmpl-race",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made},
    }


def _anthropic(model: str, given: int, made: int) -> dict[str, object]:
    return {
        "id": "msg_race",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "done"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": given, "output_tokens": made},
    }
