"""Logs as the agents write them, line for line in the shape that real runs left, without anybody's words."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """One call, as the test knows it. Tokens: fresh input, cache reads, cache writes, output."""

    name: str
    fresh: int
    read: int
    written: int
    out: int
    minute: int

    @property
    def at(self) -> datetime:
        return START + timedelta(minutes=self.minute)

    @property
    def total_input(self) -> int:
        return self.fresh + self.read + self.written


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def write_lines(file: Path, lines: list[Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file.write_text("\n".join(texts) + "\n", "utf-8")
    return file


def claude_line(call: Told, session: str, *, out: int | None = None, was: str = "") -> dict[str, Any]:
    """One block of an answer; `out` less than the call's for a line written while it streamed."""
    usage = {
        "input_tokens": call.fresh,
        "cache_creation_input_tokens": call.written,
        "cache_read_input_tokens": call.read,
        "output_tokens": call.out if out is None else out,
        "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": call.written},
        "service_tier": "standard",
        "iterations": [],
        "speed": "standard",
    }
    line = {
        "parentUuid": None,
        "isSidechain": False,
        "message": {
            "id": call.name,
            "type": "message",
            "role": "assistant",
            "model": "claude-opus-4-8",
            "content": [{"type": "text", "text": "…"}],
            "usage": usage,
        },
        "requestId": f"req_{call.name}",
        "requestedModel": "claude-opus-4-8",
        "type": "assistant",
        "uuid": f"{session}-{call.name}",
        "timestamp": stamp(call.at),
        "cwd": "/home/you/billing-api",
        "sessionId": session,
        "version": "2.1.330",
    }
    return line | ({"requestSessionId": was} if was else {})


def codex_tokens(call: Told) -> dict[str, int]:
    return {
        "input_tokens": call.total_input,
        "cached_input_tokens": call.read,
        "cache_write_input_tokens": call.written,
        "output_tokens": call.out,
        "reasoning_output_tokens": 0,
        "total_tokens": call.total_input + call.out,
    }


def codex_head(thread: str, at: datetime, **more: Any) -> list[dict[str, Any]]:
    meta = {"id": thread, "session_id": thread, "cwd": "/home/you/web-shop", "model_provider": "openai"} | more
    context = {"cwd": "/home/you/web-shop", "model": "gpt-5.4"}
    return [
        {"timestamp": stamp(at), "type": "session_meta", "payload": meta},
        {"timestamp": stamp(at), "type": "turn_context", "payload": context},
    ]


def codex_calls(
    thread: str, calls: list[Told], *, has_records: bool, at: datetime | None = None
) -> list[dict[str, Any]]:
    """The lines of some answers; each event written twice, as real files have it. `at` stamps all with one instant."""
    lines: list[dict[str, Any]] = []
    total = dict.fromkeys(codex_tokens(Told("", 0, 0, 0, 0, 0)), 0)
    for call in calls:
        used = codex_tokens(call)
        total = {name: total[name] + used[name] for name in total}
        when = stamp(at or call.at)
        if has_records:
            record = {"thread_id": thread, "session_id": thread, "response_id": call.name, "usage": used}
            payload = record | {"thread_token_usage": total}
            lines.append({"timestamp": when, "type": "token_usage_record", "payload": payload})
        info = {"total_token_usage": total, "last_token_usage": used, "model_context_window": 258400}
        event = {"timestamp": when, "type": "event_msg", "payload": {"type": "token_count", "info": info}}
        lines += [event, event]
    return lines


def gemini_message(call: Told) -> dict[str, Any]:
    tokens = {"input": call.total_input, "cached": call.read, "output": call.out - 1, "thoughts": 1, "tool": 0}
    return {
        "id": call.name,
        "timestamp": stamp(call.at),
        "type": "gemini",
        "content": "…",
        "model": "gemini-2.5-pro",
        "tokens": tokens | {"total": call.total_input + call.out},
    }


def opencode_message(call: Told) -> dict[str, Any]:
    created = call.at.timestamp() * 1000
    return {
        "role": "assistant",
        "time": {"created": int(created), "completed": int(created) + 900},
        "modelID": "claude-opus-4-8",
        "providerID": "anthropic",
        "path": {"cwd": "/home/you/docs", "root": "/"},
        "cost": 0,
        "tokens": {
            "total": call.total_input + call.out,
            "input": call.fresh,
            "output": call.out,
            "reasoning": 0,
            "cache": {"read": call.read, "write": call.written},
        },
    }


def opencode_database(file: Path, sessions: list[tuple[str, str | None]], messages: list[tuple[str, str, str]]) -> Path:
    """A database with sessions (id, parent) and messages (id, session, JSON), left open to its WAL as a live one is."""
    file.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(file)
    with connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE session (id TEXT, parent_id TEXT, directory TEXT)")
        connection.execute("CREATE TABLE message (id TEXT, session_id TEXT, time_created INTEGER, data TEXT)")
        connection.executemany("INSERT INTO session VALUES (?, ?, '/home/you/docs')", sessions)
        connection.executemany("INSERT INTO message VALUES (?, ?, 0, ?)", messages)
    connection.close()
    return file
