"""What an agent in a sandbox sees of the machine: everything but secrets to read, its project and its own things to
write, and no other program's socket.

The root is shown as it is, read only, since agents live in all sorts of places and call all sorts of tools. Over it lie
empty folders where something is to be hidden. The order counts: what is hidden is hidden last, and stays so.
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import app
from app.core.errors import InvalidInput, SandboxError
from app.services.agents.folders import find_own_places
from app.services.agents.recipe import Recipe
from app.services.repository import shared_git_folder

PRIVATE_ROOTS = (Path("/tmp"), Path("/run"), Path("/var/tmp"))
"""Fresh and empty inside: in `/run` and `/tmp` stand the sockets of the desktop's buses, of ssh, gpg, X and Docker."""

SECRETS = (
    ".ssh", ".gnupg", ".password-store", ".local/share/keyrings", ".local/share/kwalletd", ".aws", ".azure", ".kube",
    ".config/gcloud", ".docker", ".netrc", ".git-credentials", ".mozilla", ".config/google-chrome", ".config/chromium",
)  # fmt: skip
"""Beneath the home: keys and logins that are no agent's own."""

_SYSTEM_IN_RUN = Path("/run/current-system")  # NixOS keeps its programs there
_LISTENING_SOCKETS = Path("/proc/net/unix")


@dataclass(frozen=True, slots=True)
class Walls:
    """The folders of one sandbox, all absolute and without links. `folder` is where the agent starts, `variables` tell
    it where its own are."""

    folder: Path
    shown: tuple[Path, ...]
    writable: tuple[Path, ...]
    read_only: tuple[Path, ...]
    hidden: tuple[Path, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


def walls_for(
    folder: Path, recipe: Recipe, program: str, environment: Mapping[str, str], private: Iterable[Path]
) -> Walls:
    """The walls around an agent that is started in `folder`. `private` are Bursar's own folders.

    Raises InvalidInput for a folder no agent may be let loose on, SandboxError when the agent's own cannot be made.
    """
    home = Path(environment.get("HOME") or Path.home()).resolve()
    work = _work_folders(folder.resolve(), home)
    shown = tuple(_needed(program, home))
    hidden = _hidden(home, private, environment)
    if _is_in(work[0], hidden):
        raise InvalidInput("Not a place for a sandbox", f"{work[0]} holds secrets. Start the agent in a project.")
    try:
        own = find_own_places(recipe.name, home, environment)
    except OSError as error:
        raise SandboxError(
            "The agent’s own folder cannot be made", f"{error.filename}: {error.strerror}. Make it yours."
        ) from None
    return Walls(
        folder=folder.resolve(),
        shown=shown,
        writable=(*work, *own.writable),
        read_only=(*_git_commands(work), *own.read_only),
        hidden=(*hidden, *_sockets_in_sight((*shown, *work), hidden)),
        variables=own.variables,
    )


def _work_folders(folder: Path, home: Path) -> list[Path]:
    """What the agent works on: the repository, or the folder outside one; a worktree's main repository with it.
    Raises InvalidInput."""
    top = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    work = folder if home.is_relative_to(top) else top
    if home.is_relative_to(work):
        raise InvalidInput(
            "Too wide for a sandbox", f"All of {work} would be the agent’s to write in. Start it in a project’s folder."
        )
    own, shared = work / ".git", shared_git_folder(work)
    # The Git folder is named by itself, so that it cannot be moved away and another be put in its place.
    return [work, *([own] if own.is_dir() else []), *([shared] if shared else [])]


def _git_commands(work: Iterable[Path]) -> list[Path]:
    """What is in a Git folder that names commands to run: whoever calls Git there next runs them, outside."""
    names = ("config", "hooks")
    git = [folder for folder in work if (folder / "HEAD").exists()]
    return [folder / name for folder in git for name in names if (folder / name).exists()]


def _hidden(home: Path, private: Iterable[Path], environment: Mapping[str, str]) -> list[Path]:
    """Folders and files to hide, as far as they are there."""
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    wanted = [*private, *(home / name for name in SECRETS), data / "keyrings", data / "kwalletd"]
    found = {place.resolve() for place in wanted if place.exists()}
    # What lies in another of them is gone with it, and could not be covered once more.
    return sorted(place for place in found if not found.intersection(place.parents))


def _sockets_in_sight(shown: Iterable[Path], hidden: Iterable[Path]) -> Iterator[Path]:
    """Sockets of other programs that would be left, such as an ssh-agent's in the home."""
    try:
        lines = _LISTENING_SOCKETS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for name in sorted({line.split(maxsplit=7)[7] for line in lines[1:] if len(line.split(maxsplit=7)) == 8}):
        path = Path(name)
        if path.is_absolute() and _is_socket(path):
            real = path.resolve()
            is_gone = _is_in(real, hidden) or (_is_in(real, PRIVATE_ROOTS) and not _is_in(real, shown))
            if not is_gone:
                yield real


def _is_in(path: Path, places: Iterable[Path]) -> bool:
    return any(path.is_relative_to(place) for place in places)


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def _needed(program: str, home: Path) -> Iterator[Path]:
    """What would vanish with the private folders although it is needed: the home, this Python, Bursar, the agent."""
    wanted = [home, Path(sys.base_prefix), Path(sys.prefix), interpreter().parent, Path(app.__file__).parent.parent]
    if os.sep in program:
        wanted += [Path(program).parent, _package_of(Path(program).resolve())]
    for place in dict.fromkeys(place.resolve() for place in wanted):
        if place not in PRIVATE_ROOTS and _is_in(place, PRIVATE_ROOTS):
            yield place
    if _SYSTEM_IN_RUN.exists():
        yield _SYSTEM_IN_RUN


def _package_of(program: Path) -> Path:
    """The folder of a program, or of all it was installed with: npm puts what a package needs beside it."""
    modules = [folder for folder in program.parents if folder.name == "node_modules"]
    return modules[-1] if modules else program.parent


def interpreter() -> Path:
    """The Python that runs the relay: the one beneath an environment, which needs nothing of it."""
    return Path(sys.executable).resolve()
