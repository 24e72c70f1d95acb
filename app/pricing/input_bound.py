"""The most tokens a request's input can count as, without a tokenizer.

Three readings, of which the smallest that holds counts: what an earlier call is known to have counted, and the bytes
added since; the bytes of the request, with a ceiling for each image; the model's context window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.exchange import Block, RequestFacts
from app.pricing.images import most_image_tokens
from app.pricing.limits import DEFAULT_CONTEXT, max_input_tokens

_HIDDEN_TOKENS = 2048
"""What a provider adds unseen where tools are given; the largest seen in recordings is 1,528."""
_HIDDEN_TOKENS_ADDED = 256
"""What it may add unseen to a conversation that goes on, such as words around a tool's result; the largest seen in
recordings is 44."""
_IMAGE_FRAME = 64
"""What stands around an image."""
_ROUNDS_TOKENS = 600_000
"""A provider that runs tools itself reads the conversation again after each one, and bills the sum. No page names a
limit; the largest sum seen in recordings is 494,549, with a window of 200,000."""


@dataclass(frozen=True, slots=True)
class KnownInput:
    """What an earlier call says of this one's input: it counted `tokens` up to and with the first `blocks` of it, and
    was answered with `answer_tokens`."""

    tokens: int
    blocks: int
    answer_tokens: int = 0


def input_bound(facts: RequestFacts, context_window: int | None, known: KnownInput | None = None) -> int:
    """Most tokens of input, never more than the context window.

    Where the provider reads in rounds their sum, by experience: the one part of the bound that is not certain.
    """
    window = max(context_window or 0, max_input_tokens(facts.model) or 0) or DEFAULT_CONTEXT
    if facts.max_web_searches or facts.has_rounds:
        return max(window, _ROUNDS_TOKENS)
    readings = (_by_bytes(facts), _by_blocks(facts), _by_earlier(facts, known))
    bounds = [reading for reading in readings if reading is not None]
    if facts.is_input_bounded and not facts.blocks:
        return min(bounds)  # texts to embed or to complete side by side: each may fill the window
    return min([window, *bounds])


def _by_bytes(facts: RequestFacts) -> int | None:
    return facts.body_bytes + _HIDDEN_TOKENS if facts.is_input_bounded else None


def _by_blocks(facts: RequestFacts) -> int | None:
    if not facts.is_self_contained or not facts.blocks:
        return None
    most = _most(facts.blocks, facts.model)
    return None if most is None else most + _HIDDEN_TOKENS


def _by_earlier(facts: RequestFacts, known: KnownInput | None) -> int | None:
    if known is None or not (facts.is_self_contained or facts.continues):
        return None
    new = facts.blocks[known.blocks :]
    added = _most([block._replace(is_bounded=True) if block.is_answer_part else block for block in new], facts.model)
    answered = known.answer_tokens if any(block.is_answer_part for block in new) else 0
    return None if added is None else known.tokens + answered + added + _HIDDEN_TOKENS_ADDED


def _most(blocks: Sequence[Block], model: str) -> int | None:
    """Most tokens of these blocks, of which a long conversation has a thousand; None where one is not bounded."""
    size, images = sum([block.size for block in blocks]), sum([block.images for block in blocks])
    if False in [block.is_bounded for block in blocks]:
        return None
    if not images:
        return size
    ceiling = most_image_tokens(model)
    return None if ceiling is None else size + images * (ceiling + _IMAGE_FRAME)
