"""Requests as the agents named in the module under test sent them, cut down to what tells them apart."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.origin import MAIN_ORIGIN, Origin, RequestClass
from proxy_addon.attribution import origin_of
from proxy_addon.identify import caller_of

CLAUDE = {"user-agent": "claude-cli/2.1.330 (external, sdk-cli)", "x-app": "cli", "x-claude-code-session-id": "bdfe"}
CODEX = {"user-agent": "codex_exec/0.169.0 (Linux)", "session-id": "019-root", "thread-id": "019-root"}
OPENCODE = {"user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.46", "x-session-id": "ses_a"}
GEMINI = {"user-agent": "GeminiCLI-tui/0.61.0/gemini-3.1-pro-preview (linux; x64; terminal)"}
COPILOT = {"user-agent": "OpenAI/JS 6.1.0", "x-initiator": "agent"}
AIDER = {"user-agent": "OpenAI/Python 2.8.1"}
BILLING = "x-anthropic-billing-header: cc_version=2.1.330.c20; cc_entrypoint=sdk-cli;"

MAIN, SUB, TITLE, SUMMARY, COMPACTION, SIDE = (
    RequestClass.MAIN, RequestClass.SUB_AGENT, RequestClass.TITLE, RequestClass.SUMMARY, RequestClass.COMPACTION,
    RequestClass.SIDE,
)  # fmt: skip


def messages(system: Any = "You are an agent.", last: Any = "Leave a proof.") -> dict[str, Any]:
    return {"system": system, "messages": [{"role": "user", "content": "First."}, {"role": "user", "content": last}]}


def blocks(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def chat(system: str, role: str = "system") -> dict[str, Any]:
    return {"messages": [{"role": role, "content": system}, {"role": "user", "content": "Hello."}]}


def gemini(system: str, last: str = "hello") -> dict[str, Any]:
    return {
        "systemInstruction": {"parts": [{"text": system}], "role": "user"},
        "contents": [{"role": "user", "parts": [{"text": last}]}],
    }


def turn(**metadata: str) -> dict[str, str]:
    return {"x-codex-turn-metadata": json.dumps({"session_id": "019-root", "workspaces": {}} | metadata)}


CASES: dict[str, tuple[dict[str, str], Any, Origin]] = {
    "Claude Code": (CLAUDE, messages(blocks(BILLING, "You are a Claude agent")), MAIN_ORIGIN),
    "Claude Code, hinted": (CLAUDE | {"x-claude-code-request-class": "main"}, messages(), MAIN_ORIGIN),
    "Claude Code, sub-agent": (CLAUDE | {"x-claude-code-agent-id": "aeaa"}, messages(), Origin(SUB, "aeaa")),
    "Claude Code, sub-agent's own, hinted": (
        CLAUDE | {
            "x-claude-code-agent-id": "b", "x-claude-code-parent-agent-id": "a", "x-claude-code-agent-type": "Explore",
            "x-claude-code-request-class": "subagent",
        },
        messages(), Origin(SUB, "b", "a", "Explore"),
    ),
    "Claude Code, title": (
        CLAUDE, messages(blocks(BILLING, "You are naming a coding session so the user can")), Origin(TITLE),
    ),
    "Claude Code, title, hinted": (
        CLAUDE | {"x-claude-code-request-class": "auxiliary"},
        messages(blocks(BILLING, "You are naming a coding session so the user can")), Origin(TITLE),
    ),
    "Claude Code, aside, hinted": (CLAUDE | {"x-claude-code-request-class": "auxiliary"}, messages(), Origin(SIDE)),
    "Claude Code, compaction": (
        CLAUDE, messages(last=blocks("<system-reminder>", "CRITICAL: Respond with TEXT ONLY. Do NOT call")),
        Origin(COMPACTION),
    ),
    "Claude Code, a sub-agent's compaction, hinted": (
        CLAUDE | {"x-claude-code-request-class": "compaction", "x-claude-code-agent-id": "a"}, messages(),
        Origin(COMPACTION, "a"),
    ),
    "Codex": (CODEX | turn(request_kind="turn"), {"instructions": "You are Codex"}, MAIN_ORIGIN),
    "Codex, sub-agent": (
        CODEX | {"thread-id": "019-child", "x-codex-parent-thread-id": "019-root"}
        | {"x-openai-subagent": "collab_spawn"} | turn(request_kind="turn", agent_name="root/child-a"),
        {}, Origin(SUB, "019-child", "", "root/child-a"),
    ),
    "Codex, sub-agent's own": (
        CODEX | {"thread-id": "019-deep", "x-codex-parent-thread-id": "019-child", "x-openai-subagent": "collab_spawn"},
        {}, Origin(SUB, "019-deep", "019-child", "collab_spawn"),
    ),
    "Codex, review": (CODEX | {"x-openai-subagent": "review"}, {}, Origin(SUB, "review", "", "review")),
    "Codex, compaction": (CODEX | turn(request_kind="compaction"), {}, Origin(COMPACTION)),
    "Codex, compaction by its words": (
        CODEX, {"input": [{"role": "user", "content": [
            {"type": "input_text", "text": "You are performing a CONTEXT CHECKPOINT COMPACTION. Create"},
        ]}]}, Origin(COMPACTION),
    ),
    "Codex, memory": (CODEX | turn(request_kind="memory"), {}, Origin(SIDE)),
    "Codex, sub-agent's turn on a socket": (
        CODEX,
        {"type": "response.create", "client_metadata": {
            "session_id": "019-root", "thread_id": "019-child", "x-codex-parent-thread-id": "019-root",
            "x-openai-subagent": "collab_spawn",
        }}, Origin(SUB, "019-child", "", "collab_spawn"),
    ),
    "opencode": (OPENCODE, messages("You are OpenCode, the best coding agent"), MAIN_ORIGIN),
    "opencode, sub-agent": (
        OPENCODE | {"x-session-id": "ses_b", "x-parent-session-id": "ses_a"}, messages(), Origin(SUB, "ses_b"),
    ),
    "opencode, title": (
        OPENCODE, messages(blocks("You are a title generator. You output ONLY a thread title.")), Origin(TITLE),
    ),
    "opencode, title in chat completions": (OPENCODE, chat("You are a title generator. You output"), Origin(TITLE)),
    "opencode, title in responses": (
        OPENCODE, {"input": chat("You are a title generator. You", "developer")["messages"]}, Origin(TITLE),
    ),
    "opencode, summary": (OPENCODE, chat("Summarize what was done in this conversation."), Origin(SUMMARY)),
    "opencode, compaction": (OPENCODE, chat("You are a context summarization agent. You"), Origin(COMPACTION)),
    "Gemini CLI": (GEMINI, gemini("You are Gemini CLI, an autonomous CLI agent"), MAIN_ORIGIN),
    "Gemini CLI, routing": (GEMINI, gemini("\nYou are a specialized Task Routing AI. Your sole"), Origin(SIDE)),
    "Gemini CLI, next speaker": (
        GEMINI, gemini("You are Gemini CLI", "Analyze *only* the content and structure of your immediately preceding"
        " response (your last turn)"), Origin(SIDE),
    ),
    "Gemini CLI, compaction": (
        GEMINI, gemini("\nYou are a specialized system component responsible for distilling chat history into a"),
        Origin(COMPACTION),
    ),
    "Gemini CLI, summary": (
        GEMINI, gemini("", "Summarize the user's primary intent or goal in this conversation in ONE sentence"),
        Origin(SUMMARY),
    ),
    "Gemini CLI, sub-agent": (
        GEMINI, gemini("You are **Codebase Investigator**, a hyper-specialized AI agent"),
        Origin(SUB, "Codebase Investigator", "", "Codebase Investigator"),
    ),
    "Copilot CLI": (COPILOT | {"x-interaction-type": "conversation-agent"}, chat("You are"), MAIN_ORIGIN),
    "Copilot CLI, sub-agent": (COPILOT | {"x-interaction-type": "conversation-subagent"}, {}, Origin(SUB)),
    "Copilot CLI, aside": (COPILOT | {"x-interaction-type": "conversation-background"}, {}, Origin(SIDE)),
    "aider": (AIDER, chat("Act as an expert software developer."), MAIN_ORIGIN),
    "aider, commit message": (
        AIDER, chat("You are an expert software engineer that generates concise, one-line Git commit messages"),
        Origin(SIDE),
    ),
    "aider, its history folded": (
        AIDER, chat("*Briefly* summarize this partial conversation about programming.\nInclude"), Origin(COMPACTION),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_request_is_told_apart(case: str) -> None:
    headers, body, expected = CASES[case]
    assert origin_of(headers, "/v1/messages", json.dumps(body).encode()) == expected


def test_codex_compacts_at_a_path_of_its_own() -> None:
    assert origin_of(CODEX, "/v1/responses/compact?x=1", b"{}") == Origin(COMPACTION)


def test_instructions_are_those_of_the_agent_that_begins_so() -> None:
    """A program of one's own may well have a title generator that is its whole work."""
    body = json.dumps(messages("You are a title generator. You output ONLY a thread title.")).encode()
    assert origin_of({"user-agent": "my-program/1.0"}, "/v1/messages", body) == MAIN_ORIGIN
    assert origin_of(OPENCODE, "/v1/messages", body) == Origin(TITLE)


def test_what_an_agent_answered_or_a_tool_found_tells_nothing() -> None:
    said = "CRITICAL: Respond with TEXT ONLY"
    found = [{"type": "tool_result", "tool_use_id": "t", "content": said}]
    assert origin_of(CLAUDE, "/v1/messages", json.dumps(messages(last=found)).encode()) == MAIN_ORIGIN
    prefilled = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": said}]}
    assert origin_of(CLAUDE, "/v1/messages", json.dumps(prefilled).encode()) == MAIN_ORIGIN


def test_a_sub_agent_of_opencode_belongs_to_the_session_that_started_it() -> None:
    caller = caller_of(OPENCODE | {"x-session-id": "ses_b", "x-parent-session-id": "ses_a"})
    assert caller.session == "ses_a"
    assert caller_of(OPENCODE).session == "ses_a"


AGENTS = st.sampled_from([CLAUDE, CODEX, OPENCODE, GEMINI, COPILOT, AIDER, {}])
NAMES = st.sampled_from(
    [
        *("x-claude-code-agent-id", "x-claude-code-parent-agent-id", "x-claude-code-request-class"),
        *("x-codex-turn-metadata", "x-openai-subagent", "thread-id", "session-id", "x-codex-parent-thread-id"),
        *("x-parent-session-id", "x-interaction-type", "user-agent", "x-claude-code-agent-type"),
    ]
)
MEMBERS = st.sampled_from(
    ["system", "messages", "input", "contents", "instructions", "systemInstruction", "client_metadata", "role", "text"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS | st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(AGENTS, st.dictionaries(NAMES, st.text(max_size=60)), JSON | st.binary(max_size=60), st.text(max_size=20))
def test_nothing_odd_raises_nor_changes_who_pays(
    agent: dict[str, str], odd: dict[str, str], body: Any, path: str
) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = agent | {"authorization": "Bearer bsr_mine"} | odd
    found = origin_of(headers, path, sent)
    assert isinstance(found.request_class, RequestClass)
    assert all(len(text) <= 120 for text in (found.agent_id, found.parent_id, found.kind))
    caller, plain = caller_of(headers), caller_of({"authorization": "Bearer bsr_mine"})
    assert (caller.token, caller.holds_own_key) == (plain.token, plain.holds_own_key)


def test_a_body_of_megabytes_is_no_work() -> None:
    """It runs where every agent's calls wait: the long conversation between the ends is not parsed."""
    long = [{"role": "user", "content": blocks("word " * 2_000)} for _ in range(800)]
    body = json.dumps({"system": "You are an agent.", "messages": long}).encode()
    started = time.perf_counter()
    assert origin_of(CLAUDE, "/v1/messages", body) == MAIN_ORIGIN
    assert len(body) > 7_000_000
    assert time.perf_counter() - started < 0.5
