"""How far the bound of the input lies above what providers counted: `python -m tests.bench_bounds`.

Replays all recordings in their order, as a meter would see them, and prints the ratio of bound to truth for calls that
are the first of their conversation and for calls that extend one already seen.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median, quantiles

from app.core.exchange import RequestFacts, ResponseFacts
from app.pricing.book import current_book
from app.pricing.input_bound import input_bound
from proxy_addon.prefixes import PrefixMemory
from proxy_addon.shapes import UnreadableRequest, shape_for
from proxy_addon.tap import Tap
from tests.recordings import Recording, recordings

PROVIDERS = {"xai": "x-ai", "vertex": "google"}
EDITED = {
    # The recorder wrote “very very long system prompt” in the place of one of 18,000 tokens.
    "traceloop/openllmetry:packages/opentelemetry-instrumentation-bedrock/tests/metrics/cassettes/"
    "test_bedrock_prompt_caching_metrics/test_prompt_cache.yaml",
}
"""Recordings whose request is not the one that was sent, each with the reason."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """One recorded call: the bound of its input, what it counted, and whether it extended an earlier one."""

    name: str
    provider: str
    bound: int
    tokens: int
    is_extending: bool
    is_window: bool

    @property
    def ratio(self) -> float:
        """Bound over truth."""
        return self.bound / self.tokens


@dataclass(frozen=True, slots=True)
class Replayed:
    """A recorded call whose request is the one that was sent, as a meter reads it."""

    recording: Recording
    provider: str
    facts: RequestFacts
    answer: ResponseFacts


def replayed() -> Iterator[Replayed]:
    """Every recorded call with an expected usage, in their order."""
    for recording in recordings():
        if recording.expected is None or recording.method != "POST" or recording.name.rpartition("#")[0] in EDITED:
            continue
        shape = shape_for(recording.shape)
        try:
            facts = shape.read_request(recording.path, recording.request_headers, recording.request_body)
        except UnreadableRequest:
            continue
        tap = Tap(shape.reader(facts), content_type=recording.content_type, content_encoding="")
        tap.tap(recording.response_body)
        provider = PROVIDERS.get(recording.provider, recording.provider)
        yield Replayed(recording, provider, facts, tap.finish())


def bounded() -> Iterator[Bounded]:
    """Every recorded call whose input is known, bounded by what was seen before it."""
    memory = PrefixMemory()
    for call in replayed():
        if call.recording.is_trimmed:
            continue
        known = memory.known_input(call.provider, call.facts)
        memory.learn(call.provider, call.facts, call.answer)
        tokens = (call.recording.expected or {}).get("input")
        if not tokens:
            continue
        row = current_book().find_row(call.provider, call.facts.model)
        window = row.context_window if row else None
        bound = input_bound(call.facts, window, known)
        is_window = not call.facts.is_input_bounded and known is None and bound >= (window or 0)
        yield Bounded(call.recording.name, call.provider, bound, tokens, known is not None, is_window)


def main() -> None:
    """Print the figures."""
    calls = list(bounded())
    below = [call for call in calls if call.bound < call.tokens]
    print(f"{len(calls)} calls, {len(below)} of them with a bound below the truth")
    for call in below:
        print(f"  below: {call.name}: {call.bound} < {call.tokens}")
    groups = defaultdict(list)
    for call in calls:
        kind = "extending" if call.is_extending else "first, by the context window" if call.is_window else "first"
        groups[kind].append(call)
        groups[f"{kind}, from 2,000 tokens"].extend([call] if call.tokens >= 2_000 else [])
    for kind, some in sorted(groups.items()):
        if len(some) > 1:
            ratios = [call.ratio for call in some]
            print(
                f"{kind}: {len(some)} calls, median {median(ratios):.2f}, 90 % under {quantiles(ratios, n=10)[8]:.2f}"
            )


if __name__ == "__main__":
    main()
