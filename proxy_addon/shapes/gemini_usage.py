"""Gemini's `usageMetadata`, alike in answers, streams and Live sockets. Facts: recordings and documentation."""

from collections.abc import Mapping
from typing import Any

from app.core.usage import Usage
from proxy_addon.shapes.fields import count, first_count, items, mapping, text, total


def gemini_usage(raw: Mapping[str, Any], searches: int | None) -> Usage:
    """Our counts of a `usageMetadata`; `searches` are counted elsewhere.

    `promptTokenCount` holds the cached ones; what tools put in is apart; thoughts stand beside the candidates.
    A last chunk may leave out the candidates, and then the total tells them.
    """
    prompt, tools = count(raw.get("promptTokenCount")), count(raw.get("toolUsePromptTokenCount"))
    taken = total(prompt, tools)
    answered = first_count(raw.get("candidatesTokenCount"), raw.get("responseTokenCount"))
    output = total(answered, count(raw.get("thoughtsTokenCount")))
    both = count(raw.get("totalTokenCount"))
    if taken is not None and both is not None and both - taken > (output or -1):
        output = both - taken
    cached = count(raw.get("cachedContentTokenCount"))
    return Usage(
        input_tokens=None if prompt is None else taken,
        output_tokens=output,
        cache_read_tokens=cached,
        reasoning_tokens=count(raw.get("thoughtsTokenCount")),
        input_audio_tokens=_audio(raw.get("promptTokensDetails")),
        cache_audio_read_tokens=_audio(raw.get("cacheTokensDetails")),
        output_audio_tokens=_audio(raw.get("candidatesTokensDetails") or raw.get("responseTokensDetails")),
        web_searches=searches,
    )


def _audio(details: object) -> int | None:
    """Audio tokens of one side; None where it has none."""
    kinds = (mapping(detail) for detail in items(details))
    return total(*(count(kind.get("tokenCount")) for kind in kinds if kind.get("modality") == "AUDIO"))


def gemini_tier(raw: Mapping[str, Any]) -> str:
    """The tier in lower case: `priority`, `flex`; Vertex says ON_DEMAND_PRIORITY for it, and ON_DEMAND for none."""
    tier = text(raw.get("serviceTier")) or text(raw.get("trafficType"))
    return tier.lower().removeprefix("on_demand").removeprefix("_")
