"""Bringing an agent's logs into the ledger: found, read, priced at each call's own time, stored, tied to the wire."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path, PurePosixPath, PureWindowsPath

from app.core.call import Call, Outcome
from app.core.errors import InvalidInput
from app.core.history import LoggedCall, LogSource
from app.core.tags import Tags, clean_label
from app.ledger.engine import Ledger
from app.ledger.imported_calls import Stored, link_to_wire, store_calls
from app.pricing.table import price_call
from app.services.imports import claude_code, codex, gemini, opencode
from app.services.imports.log_entry import LogEntry, Reading
from app.services.repository import repository_at

_CALLS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class LogKind:
    """How one agent's logs are found and read, and what the agent is called in the ledger."""

    agent: str
    default_places: Callable[[Mapping[str, str], Path], list[Path]]
    files_in: Callable[[Path], list[Path]]
    read_file: Callable[[Path], Reading]


KINDS = {
    LogSource.CLAUDE_CODE: LogKind(
        claude_code.AGENT, claude_code.default_places, claude_code.files_in, claude_code.read_file
    ),
    LogSource.CODEX: LogKind(codex.AGENT, codex.default_places, codex.files_in, codex.read_file),
    LogSource.GEMINI: LogKind(gemini.AGENT, gemini.default_places, gemini.files_in, gemini.read_file),
    LogSource.OPENCODE: LogKind(opencode.AGENT, opencode.default_places, opencode.files_in, opencode.read_file),
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `on_wire` counts the calls tied to metered ones now; `unreadable` names files left out."""

    files: int
    stored: Stored
    on_wire: int
    broken_lines: int
    unreadable: tuple[str, ...]


@dataclass(slots=True)
class _Troubles:
    broken_lines: int = 0
    unreadable: list[str] = field(default_factory=list)


def import_logs(ledger: Ledger, source: LogSource, paths: Sequence[Path], user: str) -> Imported:
    """Import the logs of one agent from these files and folders, or from where it keeps them.

    Reading them again changes nothing. Raises InvalidInput when there are no logs, and LedgerError.
    """
    kind = KINDS[source]
    files = find_files(kind, paths, os.environ, Path.home())
    troubles, stored, tied = _Troubles(), Stored(), 0
    entries = _entries(kind, files, troubles)
    for some in batched(entries, _CALLS_AT_ONCE):
        logged = [_logged(source, kind.agent, user, entry) for entry in some]
        stored = stored.plus(store_calls(ledger, logged))
        tied += link_to_wire(ledger, [one.call.call_id for one in logged])
    return Imported(len(files), stored, tied, troubles.broken_lines, tuple(troubles.unreadable))


def find_files(kind: LogKind, paths: Sequence[Path], environment: Mapping[str, str], home: Path) -> list[Path]:
    """The log files below these paths, each once. Raises InvalidInput for a path that is not there, and for no file."""
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise InvalidInput("No such file or folder", f"“{missing[0]}” is not there. Name a log or a folder of logs.")
    places = list(paths) or kind.default_places(environment, home)
    files = [file for place in places for file in ([place] if place.is_file() else kind.files_in(place))]
    if not files:
        looked = ", ".join(str(place) for place in places)
        raise InvalidInput("No logs were found", f"Looked in {looked}. Name the folder that holds them.")
    return list(dict.fromkeys(files))


def _entries(kind: LogKind, files: Iterable[Path], troubles: _Troubles) -> Iterator[LogEntry]:
    for file in files:
        try:
            for entry in kind.read_file(file):
                if entry is None:
                    troubles.broken_lines += 1
                else:
                    yield entry
        except (OSError, InvalidInput) as error:
            reason = error.message if isinstance(error, InvalidInput) else error.strerror or type(error).__name__
            troubles.unreadable.append(f"{file}: {reason}")


def _logged(source: LogSource, agent: str, user: str, entry: LogEntry) -> LoggedCall:
    response = entry.response
    priced = price_call(
        provider=entry.provider, request_model=entry.request_model, response=response, started_at=entry.at
    )
    tags = Tags(project=clean_label(_project(entry.folder)), agent=agent, user=user, session=clean_label(entry.session))
    call = Call(
        call_id=entry.key[:300],
        started_at=entry.at,
        provider=clean_label(entry.provider),
        api_shape=entry.api_shape,
        operation="chat",
        request_model=entry.request_model,
        tags=tags,
        outcome=Outcome.COMPLETED,
        usage=response.usage,
        cost_nano_usd=priced.cost_nano_usd,
        cost_basis=priced.basis,
        price_version=priced.version,
        response_model=response.response_model,
        response_id=response.response_id,
    )
    return LoggedCall(source, call)


def _project(folder: str) -> str:
    """The project of a folder as a log names it: by its Git repository when it is still there, else by its name."""
    if not folder:
        return ""
    if Path(folder).is_dir():
        with contextlib.suppress(InvalidInput):  # its .bursar.toml is wrong, which is told where it is used
            return repository_at(Path(folder)).project
    path = PureWindowsPath(folder) if "\\" in folder else PurePosixPath(folder)
    return path.name
