"""Which part of an agent sends a request, told by what that agent itself puts on the wire.

A header or a metadata field of the agent's decides where there is one. Else the beginning of its instructions may: each
agent asks for a title, a summary or a compaction of its conversation with instructions of its own, which always begin
the same. Only beginnings are compared, nothing is kept of them, and what nobody knows is the main conversation.
Nothing read here can raise, refuse a call or change who pays.

Sources, by agent (M: measured on the wire with the version named; S: read in its published source or program):

* Claude Code 2.1.330. `x-claude-code-agent-id` on sub-agents (M), with `-parent-agent-id` where a sub-agent started it
  (documented). `x-claude-code-request-class` and `-agent-type`: sent when CLAUDE_CODE_GATEWAY_HINT_HEADERS is 1 (M;
  documented in its gateway guide since 2.1.273). Titles and compactions without them: their instructions (S).
* Codex 0.169: `session-id` and `thread-id`, the same for the main thread, and `x-codex-turn-metadata` with its
  `request_kind` (M); `x-codex-parent-thread-id` and `x-openai-subagent` (S). On a socket, which is opened as `prewarm`,
  each turn says them anew in its `client_metadata` (M). `/responses/compact` is a compaction by its path.
* opencode 1.18.33: a sub-agent has a session of its own and names its parent in `x-parent-session-id`; its title
  request has no sign but its instructions (M). Summary and compaction: their instructions (S).
* Gemini CLI 0.61.0: the choice of a model (M) and the others (S) have no sign but their instructions.
* Copilot CLI 1.0.102: `x-interaction-type` (M; its values S).
* aider 0.86.2: commit messages and the folding of its history, by their instructions (S); it speaks through an SDK.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from app.core.origin import MAIN_ORIGIN, Origin, RequestClass

_SUB, _SIDE = RequestClass.SUB_AGENT, RequestClass.SIDE
_TITLE, _SUMMARY, _COMPACTION = RequestClass.TITLE, RequestClass.SUMMARY, RequestClass.COMPACTION

TURN_METADATA = "x-codex-turn-metadata"
_CLASS_HEADER = "x-claude-code-request-class"

_BY_HEADER: Mapping[str, Mapping[str, RequestClass]] = {
    _CLASS_HEADER: {
        "main": RequestClass.MAIN,
        "subagent": _SUB,
        "workflow": _SUB,
        "compaction": _COMPACTION,
        "auxiliary": _SIDE,
        "side_reply": _SIDE,
    },
    "request_kind": {"compaction": _COMPACTION, "memory": _SIDE, "prewarm": _SIDE},
    "x-openai-subagent": {"compact": _COMPACTION, "memory_consolidation": _SIDE},
    "x-interaction-type": {"conversation-subagent": _SUB, "conversation-background": _SIDE},
}
"""Header, or member of Codex's turn metadata -> its value -> what the request is for. The first that is there wins."""


@dataclass(frozen=True, slots=True)
class _Beginning:
    """How an agent's instructions for one purpose begin. `kind` names the sub-agent that they are for."""

    text: str
    request_class: RequestClass
    kind: str = ""


_LONGEST_AGENT = 40
"""Letters that are looked at of a user agent: more than any name below has."""
_SDKS = ("openai/", "asyncopenai/", "anthropic/", "asyncanthropic/", "litellm/")
_INSTRUCTIONS: tuple[tuple[tuple[str, ...], tuple[_Beginning, ...]], ...] = (
    (
        ("claude-cli/",),
        (
            _Beginning("You are naming a coding session", _TITLE),
            _Beginning("You are a helpful AI assistant tasked with summarizing conversations", _COMPACTION),
            _Beginning("CRITICAL: Respond with TEXT ONLY", _COMPACTION),
            _Beginning("Your task is to create a detailed summary of the", _COMPACTION),
            _Beginning("Your task is to create a detailed summary of this conversation", _COMPACTION),
        ),
    ),
    (("codex",), (_Beginning("You are performing a CONTEXT CHECKPOINT COMPACTION", _COMPACTION),)),
    (
        ("opencode/",),
        (
            _Beginning("You are a title generator", _TITLE),
            _Beginning("Summarize what was done in this conversation", _SUMMARY),
            _Beginning("You are a context summarization agent", _COMPACTION),
            _Beginning("You are a helpful AI assistant tasked with summarizing conversations", _COMPACTION),
        ),
    ),
    (
        ("geminicli",),
        (
            _Beginning("You are a specialized Task Routing AI", _SIDE),
            _Beginning("You are a Task Routing AI", _SIDE),
            _Beginning("You are a diagnostic agent that determines whether", _SIDE),
            _Beginning("You are an expert code-editing assistant", _SIDE),
            _Beginning("Analyze *only* the content and structure of your immediately preceding response", _SIDE),
            _Beginning("Summarize the user's primary intent or goal in this conversation", _SUMMARY),
            _Beginning("You are a specialized system component responsible for distilling chat history", _COMPACTION),
            _Beginning("You are an expert context compressor", _COMPACTION),
            _Beginning("You are **Codebase Investigator**", _SUB, "Codebase Investigator"),
            _Beginning("You are **CLI Help Agent**", _SUB, "CLI Help Agent"),
        ),
    ),
    (
        _SDKS,
        (
            _Beginning("You are an expert software engineer that generates concise, one-line Git commit", _SIDE),
            _Beginning("*Briefly* summarize this partial conversation about programming", _COMPACTION),
        ),
    ),
)
"""How the user agent begins, in small letters -> how that agent's instructions begin."""

_TEXTS_LOOKED_AT = 8
_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_NONE = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    """The members of a body that may tell something; the long ones are not parsed unless they are looked at."""

    system: msgspec.Raw = _NONE
    instructions: msgspec.Raw = _NONE
    systemInstruction: msgspec.Raw = _NONE
    system_instruction: msgspec.Raw = _NONE
    messages: msgspec.Raw = _NONE
    input: msgspec.Raw = _NONE
    contents: msgspec.Raw = _NONE
    client_metadata: msgspec.Raw = _NONE


_BODY = msgspec.json.Decoder(_Body)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def origin_of(headers: Mapping[str, str], path: str, body: bytes) -> Origin:
    """Where in an agent a request comes from. `headers` are lower-case; `body` is decoded, or one turn of a socket."""
    beginnings = _beginnings(headers.get("user-agent", "")[:_LONGEST_AGENT])
    parts = _parts(body) if beginnings and headers.get(_CLASS_HEADER) in (None, "auxiliary") else _Body()
    told = _told(headers, parts)
    request_class = _class_by_header(told, path)
    found = _begun_with(parts, beginnings) if request_class in (None, _SIDE) else None
    agent_id, parent_id, kind = _sub_agent(told)
    if found is not None:
        request_class, kind = found.request_class, kind or found.kind
    if request_class is None:
        request_class = _SUB if agent_id or kind else RequestClass.MAIN
    if request_class is RequestClass.MAIN and not agent_id:
        return MAIN_ORIGIN
    return Origin(request_class, agent_id or (kind if request_class is _SUB else ""), parent_id, kind)


@lru_cache(200)
def _beginnings(user_agent: str) -> tuple[_Beginning, ...]:
    """How the instructions of that agent begin. The same few agents call all day."""
    agent = user_agent.lower()
    return next((rows for starts, rows in _INSTRUCTIONS if agent.startswith(starts)), ())


def _told(headers: Mapping[str, str], parts: _Body) -> Mapping[str, str]:
    """The headers, with what Codex says in their place in a turn, and with its turn metadata."""
    own = _texts(_decoded(parts.client_metadata))
    told = {**headers, **{name.replace("_", "-"): value for name, value in own.items()}} if own else headers
    if TURN_METADATA not in told:
        return told
    metadata = _texts(_decoded(told[TURN_METADATA].encode("utf-8", "replace")))
    return {**{name: metadata[name] for name in ("request_kind", "agent_name") if name in metadata}, **told}


def _class_by_header(told: Mapping[str, str], path: str) -> RequestClass | None:
    if path.partition("?")[0].endswith("/responses/compact"):
        return _COMPACTION
    for name, values in _BY_HEADER.items():
        if name in told and (found := values.get(told[name])) is not None:
            return found
    return None


def _sub_agent(told: Mapping[str, str]) -> tuple[str, str, str]:
    """The sub-agent's id, the one that started it and its kind; all empty for the main agent."""
    if agent_id := told.get("x-claude-code-agent-id", "").strip():
        return agent_id, told.get("x-claude-code-parent-agent-id", ""), told.get("x-claude-code-agent-type", "")
    if told.get("x-parent-session-id", "").strip():
        return told.get("x-session-id", ""), "", ""
    session, thread = told.get("session-id", ""), told.get("thread-id", "")
    kind = told.get("agent_name", "") or told.get("x-openai-subagent", "")
    if thread and session and thread != session:
        parent = told.get("x-codex-parent-thread-id", "")
        return thread, "" if parent == session else parent, kind
    return "", "", told.get("x-openai-subagent", "")


def _begun_with(parts: _Body, beginnings: tuple[_Beginning, ...]) -> _Beginning | None:
    """The first row that one of the request's instructions begins with."""
    for text in _instructions(parts):
        start = " ".join(text[:400].split())
        for beginning in beginnings:
            if start.startswith(beginning.text):
                return beginning
    return None


def _instructions(parts: _Body) -> Iterator[str]:
    """The system texts, wherever a dialect has them, and those of the last message, which asks for a summary."""
    for member in (parts.system, parts.instructions, parts.systemInstruction, parts.system_instruction):
        if member is not _NONE:
            yield from _texts_of(_decoded(member))
    for member in (parts.messages, parts.input, parts.contents):
        messages = _split(member)
        if messages:
            yield from _texts_of(_decoded(messages[-1]), but_of="assistant")
        if len(messages) > 1:
            yield from _texts_of(_decoded(messages[0]), but_of="user")


def _texts_of(value: Any, *, but_of: str = "") -> list[str]:
    """The texts of a system prompt or of one message: a text, blocks of text, or an object that holds either; none of
    a message in the role `but_of`."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [] if but_of and value.get("role") == but_of else _texts_of(_held_by(value))
    if not isinstance(value, list):
        return []
    found = (block.get("text") if isinstance(block, dict) else block for block in value[:_TEXTS_LOOKED_AT])
    return [text for text in found if isinstance(text, str)]


def _held_by(value: Mapping[str, Any]) -> Any:
    return next((value[name] for name in ("content", "parts", "text") if name in value), None)


def _parts(body: bytes) -> _Body:
    try:
        return _BODY.decode(body)
    except _UNREADABLE:
        return _Body()


def _split(member: msgspec.Raw) -> list[msgspec.Raw]:
    if member is _NONE:
        return []
    try:
        return _LIST.decode(member)
    except _UNREADABLE:
        return []


def _decoded(member: msgspec.Raw | bytes) -> Any:
    if member is _NONE:
        return None
    try:
        return msgspec.json.decode(member)
    except _UNREADABLE:
        return None


def _texts(value: Any) -> dict[str, str]:
    """The members of an object that are texts."""
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}
