"""Gemini CLI's chats: `tmp/<project>/chats/session-….jsonl` (from 0.58 on), one JSON object a file before that.

Facts (public descriptions of the files and of the program that writes them): a `gemini` message holds its model and
`tokens`; it is written again as it grows, under the same id. A `$set` may hold messages anew, a `$rewindTo` takes some
off the conversation, not off the bill. `input` includes `cached`; `thoughts` and `tool` come on top of `output` and
`input`. A sub-agent's chat lies in a folder named after the session it works for. No response id is kept.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from app.core.call import ApiShape
from app.core.exchange import ResponseFacts
from app.core.usage import Usage
from app.services.imports.log_entry import LogEntry, Reading, added, instant, lines_of

AGENT = "gemini"


class _Tokens(msgspec.Struct):
    input: int | None = None
    output: int | None = None
    cached: int | None = None
    thoughts: int | None = None
    tool: int | None = None


class _Record(msgspec.Struct):
    """A message, the head of a file, or a change to it."""

    id: str | None = None
    type: str | None = None
    timestamp: str | None = None
    model: str | None = None
    tokens: _Tokens | None = None
    sessionId: str | None = None
    messages: list[msgspec.Raw] | None = None
    change: "_Record | None" = msgspec.field(name="$set", default=None)


_read = msgspec.json.Decoder(_Record).decode


def default_places(environment: Mapping[str, str], home: Path) -> list[Path]:
    """`~/.gemini/tmp`, or that below `GEMINI_CLI_HOME`."""
    named = environment.get("GEMINI_CLI_HOME", "")
    return [(Path(named).expanduser() if named else home) / ".gemini" / "tmp"]


def files_in(place: Path) -> list[Path]:
    """All chats below a folder; the program's own temporary files are left out."""
    chats = [file for suffix in ("json", "jsonl") for file in place.rglob(f"*.{suffix}")]
    return sorted(file for file in chats if file.parent.name == "chats" or file.parent.parent.name == "chats")


def read_file(file: Path) -> Reading:
    """The calls of one chat. Raises OSError."""
    session, folder = _session_above(file), _folder_of(file)
    for record in _records(file):
        try:
            told = _read(record)
            session = session or told.sessionId or ""
            messages = [told] if told.type else [_read(raw) for raw in _listed(told)]
            entries = [_entry(message, session or file.stem, folder) for message in messages if message.tokens]
        except (msgspec.DecodeError, ValueError):
            yield None
        else:
            yield from entries


def _records(file: Path) -> Iterator[bytes]:
    """The lines of a chat; an older chat is one object, which cannot be read in parts."""
    if file.suffix == ".jsonl":
        yield from lines_of(file)
    else:
        yield file.read_bytes()


def _listed(told: _Record) -> list[msgspec.Raw]:
    return told.messages or (told.change.messages if told.change else None) or []


def _entry(message: _Record, session: str, folder: str) -> LogEntry:
    if not message.id or not message.timestamp:
        raise ValueError("a message without an id or a time")
    tokens = message.tokens or _Tokens()
    usage = Usage(
        input_tokens=added(tokens.input, tokens.tool),
        output_tokens=added(tokens.output, tokens.thoughts),
        cache_read_tokens=tokens.cached,
        reasoning_tokens=tokens.thoughts,
    )
    return LogEntry(
        key=f"gemini:{message.id}",
        at=instant(message.timestamp),
        provider="google",
        api_shape=ApiShape.GEMINI,
        request_model=message.model or "",
        response=ResponseFacts(usage=usage, response_model=message.model or ""),
        session=session,
        folder=folder,
    )


def _session_above(file: Path) -> str:
    """The session that a sub-agent's chat works for; empty for a chat of its own."""
    return file.parent.name if file.parent.parent.name == "chats" else ""


def _folder_of(file: Path) -> str:
    """The project's folder: what `.project_root` names, else the folder that Gemini CLI made for it."""
    chats = file.parent if file.parent.name == "chats" else file.parent.parent
    try:
        return (chats.parent / ".project_root").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return chats.parent.name
