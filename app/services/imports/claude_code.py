"""Claude Code's transcripts: `projects/<folder>/<session>.jsonl`, sub-agents in files beside or below them.

Facts (Claude Code 2.1.330 against a scripted provider): each block of an answer is a line of its own that repeats the
answer's id and its usage, so the id is the identity; lines written while an answer streams hold fewer output tokens.
A resumed or forked session copies earlier lines with their ids, a new `sessionId`, and the first one in
`requestSessionId`. Notices of the program itself have the model `<synthetic>`.
"""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from app.core.call import ApiShape
from app.core.exchange import ResponseFacts, SideInference
from app.core.usage import Usage
from app.services.imports.log_entry import LogEntry, Reading, added, instant, lines_of

PROVIDER = "anthropic"
AGENT = "claude"


class _CacheCreation(msgspec.Struct):
    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class _ServerTools(msgspec.Struct):
    web_search_requests: int | None = None


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Counts(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    server_tool_use: _ServerTools | None = None
    output_tokens_details: _OutputDetails | None = None
    type: str | None = None
    model: str | None = None


class _Usage(_Counts):
    service_tier: str | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: list[_Counts] | None = None


class _Message(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None


class _Line(msgspec.Struct):
    type: str = ""
    timestamp: str | None = None
    uuid: str | None = None
    sessionId: str | None = None
    requestSessionId: str | None = None
    requestedModel: str | None = None
    cwd: str | None = None
    message: msgspec.Raw = msgspec.Raw()


_read_line = msgspec.json.Decoder(_Line).decode
_read_message = msgspec.json.Decoder(_Message).decode


def default_places(environment: Mapping[str, str], home: Path) -> list[Path]:
    """`CLAUDE_CONFIG_DIR` (several, parted by commas), else the two folders Claude Code has used."""
    named = [part.strip() for part in environment.get("CLAUDE_CONFIG_DIR", "").split(",") if part.strip()]
    folders = [Path(part).expanduser() for part in named] or [home / ".config" / "claude", home / ".claude"]
    return [folder / "projects" for folder in folders]


def files_in(place: Path) -> list[Path]:
    """All transcripts below a folder, sub-agents' among them."""
    return sorted(place.rglob("*.jsonl"))


def read_file(file: Path) -> Reading:
    """The calls of one transcript. Raises OSError."""
    for line in lines_of(file):
        try:
            entry = _entry(_read_line(line))
        except (msgspec.DecodeError, ValueError):
            yield None
        else:
            if entry is not None:
                yield entry


def _entry(line: _Line) -> LogEntry | None:
    """The call that a line is about; None for a line about something else. Raises for one that cannot be read."""
    if line.type != "assistant" or not line.message:
        return None
    message = _read_message(line.message)
    usage, model = message.usage, message.model or ""
    if usage is None or model == "<synthetic>":
        return None
    identity = message.id or line.uuid
    if not identity or not line.timestamp:
        raise ValueError("an answer without an id or a time")
    response = ResponseFacts(
        usage=_usage(usage),
        response_model=model,
        response_id=message.id or "",
        service_tier=usage.service_tier or "",
        speed=usage.speed or "",
        region=usage.inference_geo or "",
        side_inferences=_side_inferences(usage),
    )
    return LogEntry(
        key=f"claude-code:{identity}",
        at=instant(line.timestamp),
        provider=PROVIDER,
        api_shape=ApiShape.ANTHROPIC_MESSAGES,
        request_model=line.requestedModel or model,
        response=response,
        session=line.requestSessionId or line.sessionId or "",
        folder=line.cwd or "",
    )


def _usage(counts: _Counts) -> Usage:
    """Anthropic's `input_tokens` leaves the cache out; ours holds it."""
    split = counts.cache_creation or _CacheCreation()
    written = counts.cache_creation_input_tokens
    if written is None:
        written = added(split.ephemeral_1h_input_tokens, split.ephemeral_5m_input_tokens)
    fresh, read, hour = counts.input_tokens, counts.cache_read_input_tokens, split.ephemeral_1h_input_tokens
    return Usage(
        input_tokens=None if fresh is None else added(fresh, read, written),
        output_tokens=counts.output_tokens,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour if hour is None or written is None else min(hour, written),
        reasoning_tokens=(counts.output_tokens_details or _OutputDetails()).thinking_tokens,
        web_searches=(counts.server_tool_use or _ServerTools()).web_search_requests,
    )


def _side_inferences(usage: _Usage) -> tuple[SideInference, ...]:
    """What is billed on top of the totals: advisors, compactions, and hops before the fallback that answered."""
    iterations = usage.iterations or []
    last_fallback = next((one for one in reversed(iterations) if one.type == "fallback_message"), None)
    found = []
    for one in iterations:
        is_hop = last_fallback is not None and one.type in ("message", "fallback_message") and one is not last_fallback
        if one.type in ("advisor_message", "compaction") or (is_hop and one.output_tokens):
            found.append(SideInference(one.model or "", _usage(one)))
    return tuple(found)
