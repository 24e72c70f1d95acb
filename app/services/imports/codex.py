"""Codex's rollouts: `sessions/YYYY/MM/DD/rollout-….jsonl`, and the same under `archived_sessions`.

Facts (Codex 0.169 against a scripted provider, and public descriptions of older files): from 0.16x on each answer has a
`token_usage_record` with its response id; a `token_count` event follows with the same sums. Older files have only
`token_count`: `total_token_usage` is the thread's running sum, `last_token_usage` the answer's, and the event is often
written again with the same sum. `input_tokens` includes the cache, `output_tokens` the reasoning. A fork or a sub-agent
begins with its parent's history, written anew in one burst: records there keep their response ids, and older events
there are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from app.core.call import ApiShape
from app.core.exchange import ResponseFacts
from app.core.usage import Usage
from app.services.imports.log_entry import LogEntry, Reading, instant, lines_of

AGENT = "codex"
_BURST_GAP = timedelta(seconds=1)


class _Tokens(msgspec.Struct, frozen=True):
    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_output_tokens: int = 0

    def since(self, earlier: "_Tokens | None") -> "_Tokens":
        """What came after an earlier sum; all of it where the sum began anew."""
        if earlier is None or any(getattr(self, name) < getattr(earlier, name) for name in self.__struct_fields__):
            return self
        return _Tokens(*(getattr(self, name) - getattr(earlier, name) for name in self.__struct_fields__))


class _Info(msgspec.Struct):
    total_token_usage: _Tokens | None = None
    last_token_usage: _Tokens | None = None


class _Payload(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    response_id: str | None = None
    cwd: str | None = None
    model: str | None = None
    model_provider: str | None = None
    forked_from_id: str | None = None
    source: Any = None
    info: _Info | None = None
    usage: _Tokens | None = None
    thread_token_usage: _Tokens | None = None


class _Head(msgspec.Struct):
    type: str = ""
    timestamp: str | None = None
    payload: msgspec.Raw = msgspec.Raw()


_read_head = msgspec.json.Decoder(_Head).decode
_read_payload = msgspec.json.Decoder(_Payload).decode
_KINDS = ("session_meta", "turn_context", "token_usage_record", "event_msg")


@dataclass(slots=True)
class _Thread:
    """What the lines so far have said."""

    thread: str = ""
    session: str = ""
    provider: str = "openai"
    folder: str = ""
    model: str = ""
    total: _Tokens | None = None
    burst_until: datetime | None = None


def default_places(environment: Mapping[str, str], home: Path) -> list[Path]:
    """`CODEX_HOME`, else `~/.codex`: its sessions, and those put away."""
    named = environment.get("CODEX_HOME", "")
    folder = Path(named).expanduser() if named else home / ".codex"
    return [folder / "sessions", folder / "archived_sessions"]


def files_in(place: Path) -> list[Path]:
    """All rollouts below a folder."""
    return sorted(place.rglob("rollout-*.jsonl"))


def read_file(file: Path) -> Reading:
    """The calls of one rollout. Raises OSError."""
    state = _Thread(thread=file.stem)
    for line in lines_of(file):
        try:
            entry = _step(state, _read_head(line))
        except (msgspec.DecodeError, ValueError):
            yield None
        else:
            if entry is not None:
                yield entry


def _step(state: _Thread, head: _Head) -> LogEntry | None:
    """Take one line in; the call that it tells of, if any."""
    is_known = head.type in _KINDS
    if not head.timestamp:
        if is_known:
            raise ValueError("a line without a time")
        return None
    at = instant(head.timestamp)
    is_copy = _still_in_burst(state, at)
    if not is_known:
        return None
    payload = _read_payload(head.payload)
    match head.type, payload.type:
        case "session_meta", _:
            _begin(state, payload, at)
        case "turn_context", _:
            state.model, state.folder = payload.model or state.model, payload.cwd or state.folder
        case "token_usage_record", _:
            return _of_record(state, payload, at)
        case "event_msg", "token_count" if payload.info is not None:
            return _of_event(state, payload.info, at, is_copy=is_copy)
    return None


def _begin(state: _Thread, payload: _Payload, at: datetime) -> None:
    """The first session line is the file's own; later ones are those of its ancestors."""
    if state.session:
        return
    state.thread = payload.id or state.thread
    state.session = payload.session_id or state.thread
    state.provider = (payload.model_provider or state.provider).lower()
    state.folder = payload.cwd or ""
    is_child = isinstance(payload.source, dict) and "subagent" in payload.source
    if payload.forked_from_id or is_child:
        state.burst_until = at + _BURST_GAP


def _still_in_burst(state: _Thread, at: datetime) -> bool:
    """Whether this line belongs to the history that a fork begins with: each within a second of the one before."""
    if state.burst_until is None:
        return False
    state.burst_until = at + _BURST_GAP if at <= state.burst_until else None
    return state.burst_until is not None


def _of_record(state: _Thread, payload: _Payload, at: datetime) -> LogEntry | None:
    state.total = payload.thread_token_usage or state.total
    if payload.usage is None:
        return None
    key = payload.response_id or f"{payload.thread_id or state.thread}:{_text(payload.thread_token_usage)}"
    return _entry(state, key, at, payload.usage, payload.response_id or "", payload.session_id or state.session)


def _of_event(state: _Thread, info: _Info, at: datetime, *, is_copy: bool) -> LogEntry | None:
    total, before = info.total_token_usage, state.total
    if total is not None and total == before:
        return None
    state.total = total or before
    used = info.last_token_usage or (total.since(before) if total is not None else None)
    if used is None or used == _Tokens() or is_copy:
        return None
    key = f"{state.thread}:{_text(total) if total is not None else at.isoformat()}"
    return _entry(state, key, at, used, "", state.session)


def _entry(state: _Thread, key: str, at: datetime, used: _Tokens, response_id: str, session: str) -> LogEntry:
    usage = Usage(
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cache_read_tokens=used.cached_input_tokens,
        cache_write_tokens=used.cache_write_input_tokens,
        reasoning_tokens=used.reasoning_output_tokens,
    )
    return LogEntry(
        key=f"codex:{key}",
        at=at,
        provider=state.provider,
        api_shape=ApiShape.OPENAI_RESPONSES,
        request_model=state.model,
        response=ResponseFacts(usage=usage, response_model=state.model, response_id=response_id),
        session=session,
        folder=state.folder,
    )


def _text(tokens: _Tokens | None) -> str:
    return "" if tokens is None else ".".join(str(getattr(tokens, name)) for name in tokens.__struct_fields__)
