"""How Amazon Bedrock counts: the `usage` of Converse and Nova, the metrics of a stream, the headers of an answer.

All three leave the cache out of the input. Facts: recordings and the API reference of Bedrock's runtime.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from app.core.usage import Usage
from proxy_addon.shapes.fields import UnreadableRequest, count, first_count, items, mapping, total

_PATH = re.compile(r"/model/(?P<model>[^/]+)/(?P<method>[a-z-]+)")
_HEADER = "x-amzn-bedrock-{}-token-count"


def model_and_method(path: str) -> tuple[str, str]:
    """What stands in `/model/{model}/{method}`. Raises UnreadableRequest."""
    match = _PATH.search(path.partition("?")[0])
    if match is None:
        raise UnreadableRequest("The path names no model.")
    return unquote(match["model"]), match["method"]


def converse_usage(raw: Mapping[str, Any]) -> Usage:
    """The `usage` of an answer of Converse, and of Nova."""
    read = first_count(raw.get("cacheReadInputTokens"), raw.get("cacheReadInputTokenCount"))
    written = first_count(raw.get("cacheWriteInputTokens"), raw.get("cacheWriteInputTokenCount"))
    kept = [mapping(detail) for detail in items(raw.get("cacheDetails"))]
    hour = total(*(count(detail.get("inputTokens")) for detail in kept if detail.get("ttl") == "1h"))
    fresh = first_count(raw.get("inputTokens"), raw.get("inputTokenCount"))
    return Usage(
        input_tokens=None if fresh is None else total(fresh, read, written),
        output_tokens=first_count(raw.get("outputTokens"), raw.get("outputTokenCount")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour if hour is None or written is None else min(hour, written),
    )


def header_usage(headers: Mapping[str, str]) -> Usage:
    """What the headers of an answer that is no stream tell, whatever the model."""
    kinds = {
        "inputTokens": "input",
        "outputTokens": "output",
        "cacheReadInputTokens": "cache-read-input",
        "cacheWriteInputTokens": "cache-write-input",
    }
    told = {name: headers.get(_HEADER.format(kind), "") for name, kind in kinds.items()}
    return converse_usage({name: int(value) for name, value in told.items() if re.fullmatch(r"[0-9]{1,12}", value)})
