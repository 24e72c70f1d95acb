"""How a tool call went, read off its result. What tells nothing is unknown, and never taken for a success.

First what the protocol says: Anthropic's `is_error`, Converse's `status`, Gemini's `response.error`. OpenAI's dialects
say nothing, so there, and wherever the protocol is silent, what known programs write counts (S: their source, M:
measured on the wire, R: the recordings):

* any program: a JSON object as the result with `error` (anything but null, false and empty), with `is_error` or
  `isError`, or with an exit status (`exit_code`, `exitCode`, `return_code`, `returncode`), also inside `metadata`,
  where older Codex has it (S).
* Codex: `Process exited with code N` and `Exit code: N` in the head of its shell's output (S); of its scripts `Script
  completed`, `failed` and `terminated` (S), with the JSON of a command's end behind a completed one (M). One that still
  runs (`Process running`, `Script running`) is unknown.
* Claude Code: `is_error` on each failure (M); where it leaves it out the tool went well. Other programs on Anthropic's
  API may never set it, so for them its absence tells nothing (R: 96 of 227).
* Gemini CLI: `Exit Code: N` in the output of `run_shell_command` (M).
* OpenAI Agents SDK, LangGraph, pydantic-ai: the sentences they put in the place of a result (S).
* opencode tells the model nothing of how a command ended (M): unknown.

No more than 64 KiB of a result are looked at.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from app.core.tool_call import ToolOutcome
from proxy_addon.shapes.fields import items, mapping

READ_CHARACTERS = 64 * 1024
_HEAD = 600
_FAILED, _SUCCEEDED, _UNKNOWN = ToolOutcome.FAILED, ToolOutcome.SUCCEEDED, ToolOutcome.UNKNOWN
_FLAGS = ("is_error", "isError")
_STATUSES = ("exit_code", "exitCode", "return_code", "returncode")
_CODEX_SHELL = re.compile(
    r"(?:Chunk ID: \w+\n)?(?:Wall time: [\d.]+ seconds\n)?Process exited with code (-?\d+)(?:\n|$)"
    r"|Exit code: (-?\d+)\nWall time: "
)
_CODEX_SCRIPT = re.compile(r"Script (completed|failed|terminated)\nWall time:? [\d.]+ seconds\n(?:Output:\n)?")
_GEMINI_SHELL = re.compile(r"^Exit Code: (-?\d+)\s*$", re.MULTILINE)
_BEGINNINGS = ("An error occurred while running the tool. Please try again.",)
_ENDINGS = ("Please fix your mistakes.", "Fix the errors and try again.")


def by_flag(is_error: object) -> ToolOutcome:
    """What a flag for failure says; unknown where it is none."""
    if not isinstance(is_error, bool):
        return _UNKNOWN
    return _FAILED if is_error else _SUCCEEDED


def outcome_of(content: object) -> ToolOutcome:
    """What a result's content says: a text, a list of parts, or a JSON object."""
    if isinstance(content, dict):
        return outcome_of_object(content)
    return _together(_of_text(text) for text in _texts(content))


def outcome_of_object(value: Mapping[str, Any]) -> ToolOutcome:
    """What a JSON object says that stands for a result."""
    told = [by_flag(value.get(name)) for name in _FLAGS]
    statuses = [holder.get(name) for holder in (value, mapping(value.get("metadata"))) for name in _STATUSES]
    told += [_by_status(status) for status in statuses]
    return _FAILED if value.get("error") else _together(told)


def gemini_shell_outcome(output: object) -> ToolOutcome:
    """What Gemini CLI's shell says; an exit status of 0 it leaves out."""
    found = _GEMINI_SHELL.search(output[-READ_CHARACTERS:]) if isinstance(output, str) else None
    return _SUCCEEDED if found is None else _by_status(int(found[1]))


def size_of(content: object) -> int:
    """Bytes of a result: of its text in UTF-8 where it is text, or parts of text; else of its JSON."""
    if isinstance(content, str):
        return len(content.encode("utf-8", "surrogatepass"))
    if content is None:
        return 0
    if isinstance(content, list) and all(_is_text(part) for part in content):
        return sum(len(part["text"].encode("utf-8", "surrogatepass")) for part in content)
    try:
        return len(msgspec.json.encode(content))
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
        return len(repr(content))


def _is_text(part: object) -> bool:
    block = mapping(part)
    return isinstance(block.get("text"), str) and block.keys() <= {"type", "text", "cache_control"}


def _texts(content: object) -> Iterator[str]:
    """The texts of a result, up to the first that is too long altogether."""
    left = READ_CHARACTERS
    for part in [{"text": content}] if isinstance(content, str) else items(content):
        text = mapping(part).get("text")
        if isinstance(text, str):
            yield text[:left]
            left -= len(text)
        if left <= 0:
            return


def _of_text(text: str) -> ToolOutcome:
    if (shell := _CODEX_SHELL.match(text[:_HEAD])) is not None:
        return _by_status(int(shell[1] or shell[2]))
    if (script := _CODEX_SCRIPT.match(text[:_HEAD])) is not None:
        return _together([_SUCCEEDED, _of_json(text[script.end() :])]) if script[1] == "completed" else _FAILED
    if text.startswith(_BEGINNINGS) or text.rstrip().endswith(_ENDINGS):
        return _FAILED
    return _of_json(text)


def _of_json(text: str) -> ToolOutcome:
    start = text.lstrip()
    if not start.startswith("{"):
        return _UNKNOWN
    try:
        return outcome_of_object(mapping(msgspec.json.decode(start.encode("utf-8", "surrogatepass"))))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _UNKNOWN


def _by_status(status: object) -> ToolOutcome:
    if not isinstance(status, int) or isinstance(status, bool):
        return _UNKNOWN
    return _SUCCEEDED if status == 0 else _FAILED


def _together(told: Any) -> ToolOutcome:
    """One outcome of several: a failure counts for all of it."""
    known = set(told)
    return _FAILED if _FAILED in known else _SUCCEEDED if _SUCCEEDED in known else _UNKNOWN
