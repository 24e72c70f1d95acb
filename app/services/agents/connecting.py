"""Connecting an agent for good: its own settings are changed, and given back to the byte when it is disconnected.

The file as it was and what was written are kept beside the ledger until then. A file that nobody has touched since is
put back whole. In one that was changed meanwhile, only our lines are taken out; where they cannot be told apart from
somebody's, nothing is touched and the person is told.
"""

import difflib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from app.core.errors import InvalidInput
from app.paths import PRIVATE_FILE_MODE
from app.services.agents.own_settings import OWN_SETTINGS
from app.services.agents.recipe import Connection
from app.services.agents.settings_scan import without_keys
from app.whole_file import write_whole

CONNECTIONS = "connections"
"""The folder beside the ledger in which connections are kept."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A change to one file, not made yet. `before` is None where there is no file."""

    agent: str
    file: Path
    before: bytes | None
    after: bytes

    def diff(self) -> str:
        """The change as a unified diff. Keys that stand around it are not told."""
        before, after = ((text or b"").decode().splitlines() for text in (self.before, self.after))
        lines = difflib.unified_diff(before, after, str(self.file), str(self.file), lineterm="")
        return without_keys("\n".join(lines))


@dataclass(frozen=True, slots=True)
class _Kept:
    """What disconnecting needs to know. `made` are folders that were not there."""

    file: str
    existed: bool
    key_id: str
    written_sha256: str
    made: tuple[str, ...]


def plan_connection(agent: str, connection: Connection, environment: Mapping[str, str]) -> Plan:
    """What connecting would change. Raises InvalidInput for an agent or a file that cannot be connected."""
    own = OWN_SETTINGS.get(agent)
    if own is None:
        known = ", ".join(OWN_SETTINGS)
        raise InvalidInput("This agent cannot be connected", f"There are {known}. Others: bursar run -- COMMAND")
    file = own.file(environment).expanduser().absolute().resolve()
    before = _read(file)
    try:
        text = (before or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("The settings cannot be changed", f"{file} is not UTF-8 text.") from None
    try:
        return Plan(agent, file, before, own.connect(text, connection).encode())
    except InvalidInput as error:
        raise InvalidInput(error.title, f"{file}: {error.message}") from None


def is_connected(folder: Path, agent: str) -> bool:
    """Whether this agent was connected; `folder` is where connections are kept."""
    return _kept_file(folder, agent).exists()


def connected_agents(folder: Path) -> list[str]:
    """The names of all that are; `folder` as above."""
    return [agent for agent in OWN_SETTINGS if is_connected(folder, agent)]


def make_connection(folder: Path, plan: Plan, key_id: str) -> None:
    """Change the file. What it was is kept first, so that a crash in between loses nothing. Raises InvalidInput."""
    try:
        made = [str(parent) for parent in plan.file.parents if not parent.exists()]
        kept = _Kept(str(plan.file), plan.before is not None, key_id, _digest(plan.after), tuple(made))
        folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(_original_file(folder, plan.agent), plan.before or b"")
        write_whole(_written_file(folder, plan.agent), plan.after)
        write_whole(_kept_file(folder, plan.agent), json.dumps(asdict(kept)).encode())
        plan.file.parent.mkdir(parents=True, exist_ok=True)
        mode = plan.file.stat().st_mode & 0o777 if plan.before is not None else PRIVATE_FILE_MODE
        write_whole(plan.file, plan.after, mode)
    except OSError as error:
        _forget(folder, plan.agent)
        raise _unwritable(error) from None


def undo_connection(folder: Path, agent: str) -> tuple[Path, str]:
    """Take the change back. Gives the file and the id of the key it held. Raises InvalidInput."""
    kept = _load(folder, agent)
    file, current = Path(kept.file), _read(Path(kept.file))
    original = _read(_original_file(folder, agent)) or b""
    try:
        if current is not None and _digest(current) == kept.written_sha256:
            _put_back(file, original if kept.existed else None, kept.made)
        elif current is not None and current != original:
            written = _read(_written_file(folder, agent)) or b""
            write_whole(file, _without(current, written, original, file), file.stat().st_mode & 0o777)
        _forget(folder, agent)
    except OSError as error:
        raise _unwritable(error) from None
    return file, kept.key_id


def _forget(folder: Path, agent: str) -> None:
    for name in (_kept_file, _original_file, _written_file):
        name(folder, agent).unlink(missing_ok=True)


def _put_back(file: Path, original: bytes | None, made: tuple[str, ...]) -> None:
    if original is not None:
        write_whole(file, original, file.stat().st_mode & 0o777)
        return
    file.unlink()
    for parent in made:
        if any(Path(parent).iterdir()):
            return
        Path(parent).rmdir()


def _without(current: bytes, written: bytes, original: bytes, file: Path) -> bytes:
    """The present text with each of our changes turned back. Raises InvalidInput where one cannot be found again."""
    lines, ours, theirs = (text.splitlines(keepends=True) for text in (current, written, original))
    matcher = difflib.SequenceMatcher(None, theirs, ours, autojunk=False)
    for kind, start, end, our_start, our_end in reversed(matcher.get_opcodes()):
        if kind != "equal":
            block = ours[our_start:our_end]
            places = [at for at in range(len(lines)) if block and lines[at : at + len(block)] == block]
            if len(places) != 1:
                raise InvalidInput(
                    "The settings were changed since", f"{file}: take the lines with “bsr_” and 127.0.0.1 out yourself."
                )
            lines[places[0] : places[0] + len(block)] = theirs[start:end]
    return b"".join(lines)


def _load(folder: Path, agent: str) -> _Kept:
    text = _read(_kept_file(folder, agent))
    if text is None:
        raise InvalidInput("This agent is not connected", "Connect it with: bursar connect")
    values = json.loads(text)
    return _Kept(**(values | {"made": tuple(values["made"])}))


def _kept_file(folder: Path, agent: str) -> Path:
    return folder / f"{agent}.json"


def _original_file(folder: Path, agent: str) -> Path:
    return folder / f"{agent}.original"


def _written_file(folder: Path, agent: str) -> Path:
    return folder / f"{agent}.written"


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput("The settings cannot be read", f"{file}: {error.strerror or error}.") from None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _unwritable(error: OSError) -> InvalidInput:
    return InvalidInput("The settings cannot be changed", f"{error.filename}: {error.strerror or error}.")
