"""A second reader of tool calls in recorded exchanges, which shares nothing with the product's: it takes a whole answer
apart at once, with the standard library, and looks for the words of each dialect."""

import base64
import json
import re
import struct
from collections.abc import Iterator
from typing import Any

from app.core.call import ApiShape
from tests.recordings import Recording

type Found = list[tuple[str, str, str]]
"""Name, id and arguments (JSON text with sorted keys, or the text as it stands where it is none)."""


def tools_in(one: Recording) -> Found:
    """The tool calls in an answer that agents run, sorted. What a provider runs itself is left out."""
    events = list(_events(one))
    found = _READERS[one.shape](events) if one.shape in _READERS else []
    return sorted((name or "", mark or "", _sorted(arguments)) for name, mark, arguments in found)


def result_ids(one: Recording) -> list[str]:
    """The ids, or names, of the results that stand behind the model's last words in a request."""
    body = json.loads(one.request_body or b"null")
    body = body if isinstance(body, dict) else {}
    if one.shape is ApiShape.GEMINI:
        parts = [part for turn in _tail(body.get("contents"), "model") for part in _list(turn.get("parts"))]
        responses = [part.get("functionResponse") or part.get("function_response") for part in parts]
        return [response["name"] for response in responses if response]
    tail = _tail(body.get("messages"), "assistant")
    if one.shape is ApiShape.OPENAI_CHAT:
        return [turn.get("tool_call_id") or turn.get("name") for turn in tail if turn["role"] in ("tool", "function")]
    parts = [part for turn in tail for part in _list(turn.get("content"))]
    told = [part["tool_use_id"] for part in parts if part.get("type") == "tool_result"]
    return told or [part["toolResult"]["toolUseId"] for part in parts if "toolResult" in part]


def _tail(turns: Any, model: str) -> list[Any]:
    told = _list(turns)
    last = max((place for place, turn in enumerate(told) if turn.get("role") == model), default=-1)
    return told[last + 1 :]


def _list(value: Any) -> list[Any]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _sorted(arguments: Any) -> str:
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except ValueError:
            return str(arguments)
    return json.dumps(arguments if arguments is not None else {}, sort_keys=True)


def _events(one: Recording) -> Iterator[Any]:
    body = one.response_body
    if "eventstream" in one.content_type or body.startswith(b"\0"):
        yield from _frames(body)
    elif one.is_stream and b"data:" in body:
        for block in re.split(rb"\r?\n\r?\n", body):
            lines = [line[5:].strip() for line in re.split(rb"\r?\n", block) if line.startswith(b"data:")]
            yield from _parsed(b"\n".join(lines))
    else:
        parsed = list(_parsed(body))
        for value in parsed or [value for line in body.splitlines() for value in _parsed(line)]:
            yield from value if isinstance(value, list) else [value]


def _parsed(text: bytes) -> Iterator[Any]:
    try:
        yield json.loads(text)
    except ValueError:
        return


def _frames(body: bytes) -> Iterator[Any]:
    while len(body) >= 16:
        total, headers = struct.unpack(">II", body[:8])
        name = re.search(rb":event-type\x07..([A-Za-z]+?)(?=[\x00-\x1f])", body[12 : 12 + headers], re.DOTALL)
        for value in _parsed(body[12 + headers : total - 4]):
            if isinstance(value, dict) and "bytes" in value:
                yield from _parsed(base64.b64decode(value["bytes"]))
            else:
                yield {name[1].decode(): value} if name else value
        body = body[total:]


def _anthropic(events: list[Any]) -> Found:
    found, coming = [], {}
    for event in events:
        if event.get("type") == "message":
            found += [
                (part["name"], part["id"], part["input"]) for part in event["content"] if part["type"] == "tool_use"
            ]
        block = event.get("content_block") or {}
        if block.get("type") == "tool_use":
            coming[event["index"]] = [block["name"], block["id"], ""]
        piece = (event.get("delta") or {}).get("partial_json")
        if piece and event["index"] in coming:
            coming[event["index"]][2] += piece
    return found + [(name, mark, text) for name, mark, text in coming.values()]


def _chat(events: list[Any]) -> Found:
    coming: dict[Any, list[Any]] = {}
    for event in events:
        for choice in _list(event.get("choices")) if isinstance(event, dict) else []:
            said = choice.get("delta") or choice.get("message") or {}
            for place, call in enumerate(_list(said.get("tool_calls"))):
                slot: Any = (choice.get("index"), call.get("index", place))
                if call.get("id") and coming.get(slot, ["", call["id"]])[1] not in ("", call["id"]):
                    coming[slot, len(coming)] = coming.pop(slot)
                held = coming.setdefault(slot, ["", "", ""])
                told = call.get("function") or call.get("custom") or {}
                held[0] = held[0] or told.get("name")
                held[1] = held[1] or call.get("id")
                arguments = told.get("arguments", told.get("input")) or ""
                held[2] += arguments if isinstance(arguments, str) else json.dumps(arguments)
            if legacy := said.get("function_call"):
                held = coming.setdefault((choice.get("index"), "legacy"), ["", "", ""])
                held[0], held[2] = held[0] or legacy.get("name"), held[2] + (legacy.get("arguments") or "")
    return [(name, mark, text) for name, mark, text in coming.values()]


def _responses(events: list[Any]) -> Found:
    found = {}
    for event in events:
        whole = event if event.get("object") == "response" else event.get("response") or {}
        done = [event["item"]] if event.get("type") == "response.output_item.done" else []
        for item in done + _list(whole.get("output")):
            is_of_agent = item.get("type") == "tool_search_call" and item.get("execution") == "client"
            if item.get("type") in ("function_call", "custom_tool_call") or is_of_agent:
                name, space = item.get("name", "tool_search"), item.get("namespace")
                shown = name if not space or space == name else f"{space}.{name}"
                found[item["call_id"]] = (shown, item["call_id"], item.get("arguments", item.get("input")))
    return list(found.values())


def _gemini(events: list[Any]) -> Found:
    found = []
    for event in events:
        for candidate in _list(event.get("candidates")):
            for part in _list((candidate.get("content") or {}).get("parts")):
                if call := part.get("functionCall"):
                    found.append((call["name"], call.get("id"), call.get("args")))
    return found


def _converse(events: list[Any]) -> Found:
    found, coming = [], {}
    for event in events:
        for part in _list(((event.get("output") or {}).get("message") or {}).get("content")):
            if (use := part.get("toolUse")) and use.get("type") != "server_tool_use":
                found.append((use["name"], use["toolUseId"], use["input"]))
        start = event.get("contentBlockStart") or {}
        if (use := (start.get("start") or {}).get("toolUse")) and use.get("type") != "server_tool_use":
            coming[start["contentBlockIndex"]] = [use["name"], use["toolUseId"], ""]
        delta = event.get("contentBlockDelta") or {}
        piece = ((delta.get("delta") or {}).get("toolUse") or {}).get("input")
        if piece and delta["contentBlockIndex"] in coming:
            coming[delta["contentBlockIndex"]][2] += piece
    return found + [(name, mark, text) for name, mark, text in coming.values()]


def _invoke(events: list[Any]) -> Found:
    return _anthropic(events) + _converse(events) + _chat(events)


def _cohere(events: list[Any]) -> Found:
    found, coming = [], {}
    for event in events:
        calls: Any = (((event.get("delta") or {}).get("message")) or {}).get("tool_calls")
        if event.get("type") == "tool-call-start":
            coming[event["index"]] = [calls["function"]["name"], calls["id"], calls["function"]["arguments"]]
        elif event.get("type") == "tool-call-delta":
            coming[event["index"]][2] += calls["function"]["arguments"]
        elif "event_type" not in event:
            message = event.get("message")
            for call in _list(message.get("tool_calls")) if isinstance(message, dict) else []:
                found.append((call["function"]["name"], call["id"], call["function"]["arguments"]))
            found += [(call["name"], "", call["parameters"]) for call in _list(event.get("tool_calls"))]
        elif event["event_type"] == "tool-calls-generation":
            found += [(call["name"], "", call["parameters"]) for call in _list(event.get("tool_calls"))]
    return found + [(name, mark, text) for name, mark, text in coming.values()]


def _ollama(events: list[Any]) -> Found:
    calls = [call for event in events for call in _list((event.get("message") or {}).get("tool_calls"))]
    return [(call["function"]["name"], call.get("id"), call["function"]["arguments"]) for call in calls]


_READERS: dict[ApiShape, Any] = {
    ApiShape.ANTHROPIC_MESSAGES: _anthropic,
    ApiShape.OPENAI_CHAT: _chat,
    ApiShape.OPENAI_RESPONSES: _responses,
    ApiShape.GEMINI: _gemini,
    ApiShape.BEDROCK_CONVERSE: _converse,
    ApiShape.BEDROCK_INVOKE: _invoke,
    ApiShape.COHERE: _cohere,
    ApiShape.OLLAMA: _ollama,
}
