"""What earlier calls tell of the input of the next: how many tokens a conversation counted up to where it goes on.

Most calls of an agent repeat the one before and add to it, so their input is at most what that one counted and the
bytes added. Kept in memory alone, as hashes and numbers, of the newest few thousand calls; for the same provider and
model only, whose tokenizer is the same.
"""

from collections import OrderedDict

from app.core.exchange import RequestFacts, ResponseFacts
from app.pricing.input_bound import KnownInput, input_bound

CALLS_KEPT = 8_000
ROUTERS = frozenset({"openrouter", "vercel", "huggingface"})
"""Behind these one name may be served by makers whose templates differ, and be counted otherwise the next time."""
_BYTES_PER_TOKEN = 64
"""A count with fewer tokens for its bytes is not believed: the provider left out its cache, or Codex was warming up
a socket, which counts nothing until the next turn."""
MODELS_KEPT = 1_000


class PrefixMemory:
    """Used by the meter's event loop alone."""

    def __init__(self, calls_kept: int = CALLS_KEPT) -> None:
        self._tokens: OrderedDict[tuple[str, str, bytes | str], tuple[int, int]] = OrderedDict()
        self._answering: dict[tuple[str, str], str] = {}
        self._calls_kept = calls_kept

    def known_input(self, provider: str, facts: RequestFacts) -> KnownInput | None:
        """What is known of a request that extends, repeats or goes on from an earlier one; None where nothing is."""
        if facts.continues:
            return self._found(provider, facts, facts.continues, 0)
        tokens, model, blocks = self._tokens, facts.model, facts.blocks
        for covered in range(len(blocks), 0, -1):
            mark = blocks[covered - 1].prefix
            if (provider, model, mark) in tokens:
                return self._found(provider, facts, mark, covered)
        return None

    def learn(self, provider: str, facts: RequestFacts, answer: ResponseFacts) -> None:
        """Take in what a finished call counted. What cannot be relied upon is left out."""
        tokens = answer.usage.input_tokens
        if tokens is None or not answer.is_final or answer.error_type or not facts.model or provider in ROUTERS:
            return
        if answer.side_inferences or not (facts.is_self_contained or facts.continues):
            return
        self._forget_if_another_answers(provider, facts.model, answer.response_model)
        if tokens * _BYTES_PER_TOKEN < sum(block.size for block in facts.blocks):
            tokens = input_bound(facts, None, self.known_input(provider, facts))
        if facts.blocks and facts.is_self_contained:
            self._keep((provider, facts.model, facts.blocks[-1].prefix), tokens, answer.usage.output_tokens or 0)
        made = answer.usage.output_tokens
        if answer.response_id and made is not None:
            self._keep((provider, facts.model, answer.response_id), tokens + made, made)

    def _found(self, provider: str, facts: RequestFacts, mark: bytes | str, covered: int) -> KnownInput | None:
        key = (provider, facts.model, mark)
        found = self._tokens.get(key)
        if found is None:
            return None
        self._tokens.move_to_end(key)
        tokens, made = found
        return KnownInput(tokens, covered, made)

    def _forget_if_another_answers(self, provider: str, model: str, answering: str) -> None:
        """An alias may pass to another model, with another tokenizer."""
        if len(self._answering) > MODELS_KEPT:
            self._answering.clear()
            self._tokens.clear()
        before = self._answering.setdefault((provider, model), answering)
        if before == answering:
            return
        self._answering[provider, model] = answering
        for key in [key for key in self._tokens if key[:2] == (provider, model)]:
            del self._tokens[key]

    def _keep(self, key: tuple[str, str, bytes | str], tokens: int, made: int) -> None:
        before, made_before = self._tokens.get(key, (0, 0))
        self._tokens[key] = max(tokens, before), max(made, made_before)
        self._tokens.move_to_end(key)
        if len(self._tokens) > self._calls_kept:
            self._tokens.popitem(last=False)
