"""The repository a command is started in: its name, its branch, and what its `.bursar.toml` says.

    project = "billing-api"
    team = "payments"
    cap = "2.50"            # dollars that one `bursar run` here may spend, unless it says otherwise
    sandbox = true          # run agents here in a sandbox

The file is looked for from the folder upwards to the top of the Git repository; the nearest one counts. Git itself is
not asked: reading its `HEAD` is enough, and it need not be installed.

Whoever can write in the repository writes this file, an agent too. So it may ask for more care, never for less:
`sandbox = false` takes no sandbox away.
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from app.core.errors import InvalidInput
from app.core.money import parse_usd
from app.core.tags import clean_label

FILE_NAME = ".bursar.toml"
_MAX_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a run is at home. `task` is the branch; empty outside a repository or on no branch.

    `cap_nano_usd` is None when no cap is named. `asks_for_sandbox`: agents here are to run in one.
    """

    project: str
    task: str = ""
    team: str = ""
    cap_nano_usd: int | None = None
    asks_for_sandbox: bool = False


def repository_at(folder: Path) -> Repository:
    """What is known of the folder a command is started in. Raises InvalidInput for a `.bursar.toml` that is wrong."""
    top = _top(folder)
    said = _said_in(folder, top)
    return Repository(
        project=clean_label(said.get("project", "") or (folder if top is None else _home(top)).name),
        task="" if top is None else clean_label(_branch(_git_folder(top))),
        team=clean_label(said.get("team", "")),
        cap_nano_usd=parse_usd(said["cap"]) if "cap" in said else None,
        asks_for_sandbox=said.get("sandbox") == str(True),
    )


def shared_git_folder(top: Path) -> Path | None:
    """The Git folder that a worktree at `top` shares with its main checkout; None where it has its own, or none.

    A file in the repository says where it is, and could name any folder. So the folder must know of the worktree too.
    """
    if not (top / ".git").is_file():
        return None
    git = _git_folder(top).resolve()
    is_known = git.parent.name == "worktrees" and _read(git / "gitdir").strip() == str(top / ".git")
    return git.parent.parent if is_known and (git.parent.parent / "objects").is_dir() else None


def _top(folder: Path) -> Path | None:
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def _git_folder(top: Path) -> Path:
    """Where Git keeps this checkout's `HEAD`: `.git`, or what the file of that name in a worktree points to."""
    git = top / ".git"
    if git.is_file():
        return top / _read(git).removeprefix("gitdir:").strip()
    return git


def _home(top: Path) -> Path:
    """The main checkout of a worktree: all worktrees of a repository are one project."""
    git = _git_folder(top)
    common = _read(git / "commondir").strip()
    if (top / ".git").is_file() and common:
        shared = (git / common).resolve()
        return shared.parent if shared.name == ".git" else shared
    return top


def _branch(git: Path) -> str:
    head = _read(git / "HEAD").strip()
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else ""


def _read(file: Path) -> str:
    """A small file of Git's; empty when it is not there or not readable."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return stream.read(_MAX_BYTES)
    except OSError:
        return ""


def _said_in(folder: Path, top: Path | None) -> dict[str, str]:
    places = [folder, *folder.parents]
    for place in places[: places.index(top) + 1] if top else [folder]:
        if (place / FILE_NAME).is_file():
            return _settings(place / FILE_NAME)
    return {}


def _settings(file: Path) -> dict[str, str]:
    """The file's settings as texts. Raises InvalidInput naming the line."""
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text, parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(file, f"It cannot be read ({type(error).__name__}).") from None
    except tomllib.TOMLDecodeError as error:
        raise _wrong(file, f"{str(error)[:200]}.") from None
    for name, value in values.items():
        if name not in _CHECKS:
            known = ", ".join(_CHECKS)
            raise _wrong(file, f"{_line(text, name)}“{clean_label(name)}” is not a setting; there are {known}.")
        if type(value) not in _CHECKS[name] or not _is_amount_if_cap(name, value):
            raise _wrong(file, f"{_line(text, name)}“{name}” must be {_FORMS.get(name, 'a text')}.")
    return {name: str(value) for name, value in values.items()}


_CHECKS: dict[str, tuple[type, ...]] = {
    "project": (str,),
    "team": (str,),
    "cap": (str, int, Decimal),
    "sandbox": (bool,),
}
_FORMS = {"cap": "an amount like 2.50", "sandbox": "true or false"}


def _is_amount_if_cap(name: str, value: object) -> bool:
    try:
        return name != "cap" or parse_usd(str(value)) > 0
    except InvalidInput:
        return False


def _line(text: str, name: str) -> str:
    """`Line 4: ` of the line that sets a name; empty when none is found."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().strip("[").lstrip("\"'").startswith(name):
            return f"Line {number}: "
    return ""


def _wrong(file: Path, reason: str) -> InvalidInput:
    return InvalidInput(f"{FILE_NAME} cannot be used", f"{file}: {reason} Mend it, or move it away.")
