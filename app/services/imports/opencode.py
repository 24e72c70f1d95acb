"""opencode's history: `opencode*.db` (SQLite, from 1.2 on) and the older `storage/message/<session>/<message>.json`.

Facts (public descriptions of real files): a message of the assistant is one answer; its counts are parts that do not
overlap, but for `reasoning`, which some versions have inside `output`: `total` tells. Messages stand in `message`, in
newer versions in `session_message`. A forked session copies messages under new ids with their times and counts, so
these are the identity; the older files were taken over into the database and are the same calls again. opencode's own
`cost` is 0 for logins and is not used. No response id is kept.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from app.core.call import ApiShape
from app.core.exchange import ResponseFacts
from app.core.usage import Usage
from app.ledger.foreign import read_table
from app.services.imports.log_entry import LogEntry, Reading, instant_of_ms

AGENT = "opencode"
_PROVIDERS = {"amazon-bedrock": "aws", "google-vertex": "google", "google-vertex-anthropic": "google", "xai": "x-ai"}
_SHAPES = {"anthropic": ApiShape.ANTHROPIC_MESSAGES, "google": ApiShape.GEMINI, "openai": ApiShape.OPENAI_RESPONSES}
_DEPTH = 50


class _Cache(msgspec.Struct):
    read: float = 0
    write: float = 0


class _Tokens(msgspec.Struct):
    input: float = 0
    output: float = 0
    reasoning: float = 0
    total: float | None = None
    cache: _Cache = msgspec.field(default_factory=_Cache)


class _Time(msgspec.Struct):
    created: float
    completed: float | None = None


class _Model(msgspec.Struct):
    id: str = ""
    providerID: str = ""


class _Place(msgspec.Struct):
    cwd: str = ""


class _Message(msgspec.Struct):
    role: str | None = None
    type: str | None = None
    sessionID: str | None = None
    modelID: str | None = None
    providerID: str | None = None
    model: msgspec.Raw = msgspec.Raw()
    tokens: _Tokens | None = None
    time: _Time | None = None
    path: _Place | None = None


_read = msgspec.json.Decoder(_Message).decode


def default_places(environment: Mapping[str, str], home: Path) -> list[Path]:
    """`OPENCODE_DB`, else `opencode` below `XDG_DATA_HOME` or `~/.local/share`."""
    if named := environment.get("OPENCODE_DB", ""):
        return [Path(named).expanduser()]
    data = environment.get("XDG_DATA_HOME", "")
    return [(Path(data).expanduser() if data else home / ".local" / "share") / "opencode"]


def files_in(place: Path) -> list[Path]:
    """The databases of a folder, then the older files."""
    return sorted(place.glob("opencode*.db")) + sorted((place / "storage" / "message").rglob("*.json"))


def read_file(file: Path) -> Reading:
    """The calls of a database or of one older file. Raises OSError, and InvalidInput for what is no database."""
    messages = _messages_of(file) if file.suffix == ".db" else iter([("", "", file.read_bytes())])
    for session, folder, data in messages:
        try:
            message = _read(data)
            entry = _entry(message, session or message.sessionID or "", folder)
        except (msgspec.DecodeError, ValueError):
            yield None
        else:
            if entry is not None:
                yield entry


def _messages_of(file: Path) -> Iterator[tuple[str, str, str | bytes]]:
    """Session, folder and JSON of each message; a sub-agent's session is the one it works for."""
    sessions = {
        str(key): (str(parent or ""), str(folder or ""))
        for key, parent, folder in read_table(file, "session", ("id", "parent_id", "directory"))
    }
    for table in ("message", "session_message"):
        for session, data in read_table(file, table, ("session_id", "data")):
            if isinstance(data, str | bytes):
                yield _root(sessions, str(session)), sessions.get(str(session), ("", ""))[1], data


def _root(sessions: Mapping[str, tuple[str, str]], session: str) -> str:
    for _ in range(_DEPTH):
        parent = sessions.get(session, ("", ""))[0]
        if not parent:
            break
        session = parent
    return session


def _entry(message: _Message, session: str, folder: str) -> LogEntry | None:
    if "assistant" not in (message.role, message.type) or message.tokens is None or message.time is None:
        return None
    model, provider = _model_of(message)
    usage = _usage(message.tokens, provider)
    if not usage.input_tokens and not usage.output_tokens:
        return None
    counts = (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    return LogEntry(
        key=f"opencode:{message.time.created:.0f}:{provider}:{model}:{'.'.join(map(str, counts))}",
        at=instant_of_ms(message.time.created),
        provider=provider,
        api_shape=_SHAPES.get(provider, ApiShape.OPENAI_CHAT),
        request_model=model,
        response=ResponseFacts(usage=usage, response_model=model),
        session=session,
        folder=message.path.cwd if message.path and message.path.cwd else folder,
    )


def _model_of(message: _Message) -> tuple[str, str]:
    raw = bytes(message.model)
    named = msgspec.json.decode(raw, type=_Model) if raw.startswith(b"{") else _Model()
    provider = (message.providerID or named.providerID).lower()
    return message.modelID or named.id, _PROVIDERS.get(provider, provider)


def _usage(tokens: _Tokens, provider: str) -> Usage:
    read, written, fresh = int(tokens.cache.read), int(tokens.cache.write), int(tokens.input)
    output = int(tokens.output)
    if tokens.total is not None:
        output = max(output, int(tokens.total) - fresh - read - written)
    elif provider == "google":
        output += int(tokens.reasoning)
    return Usage(
        input_tokens=fresh + read + written,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=int(tokens.reasoning),
    )
