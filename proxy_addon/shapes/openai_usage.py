"""The `usage` of OpenAI's chat completions, which a great many providers speak, each with an accent of its own.

Facts: recordings and documentation; wire-formats notes, sections 1.2, 1.7 and 1.8.
"""

from collections.abc import Mapping
from typing import Any

from app.core.usage import Usage
from proxy_addon.shapes.fields import count, first_count, mapping
from proxy_addon.shapes.reported_cost import reported_cost


def chat_usage(raw: Mapping[str, Any]) -> Usage:
    """`prompt_tokens` holds the cache. xAI and Google's endpoint leave reasoning out of `completion_tokens`; then only
    the total tells, so the dearer of the two readings is taken. Mistral leaves speech out of `prompt_tokens`.
    """
    told = mapping(raw.get("prompt_tokens_details")) or mapping(raw.get("prompt_token_details"))
    answer = mapping(raw.get("completion_tokens_details"))
    prompt, output, both = (count(raw.get(key)) for key in ("prompt_tokens", "completion_tokens", "total_tokens"))
    reasoning = first_count(answer.get("reasoning_tokens"), raw.get("reasoning_tokens"))
    heard = count(told.get("audio_tokens"))
    if prompt is not None and both is not None and both - prompt > (output or 0):
        unsaid = both - prompt - (output or 0)
        if unsaid == heard or count(raw.get("prompt_audio_seconds")):
            prompt, heard = prompt + unsaid, unsaid
        else:
            reasoning = unsaid if reasoning is None else reasoning
            output = both - prompt
    elif prompt is not None and both is not None and output is None:
        output = both - prompt if both >= prompt else None
    cached = (told.get("cached_tokens"), raw.get("prompt_cache_hit_tokens"), raw.get("num_cached_tokens"))
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_read_tokens=first_count(*cached, raw.get("cached_tokens"), raw.get("cache_read_input_tokens")),
        cache_write_tokens=first_count(told.get("cache_write_tokens"), raw.get("cache_creation_input_tokens")),
        reasoning_tokens=reasoning,
        input_audio_tokens=heard,
        output_audio_tokens=count(answer.get("audio_tokens")),
        web_searches=count(mapping(raw.get("server_tool_use_details")).get("web_search_requests")),
        reported_cost_nano_usd=reported_cost(raw),
    )


def error_type(error: object) -> str:
    """The provider's word for an error in an answer."""
    details = mapping(error)
    for key in ("type", "code"):
        if isinstance(word := details.get(key), str) and word:
            return word[:200]
    return "error"
