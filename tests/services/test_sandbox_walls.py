import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import InvalidInput, SandboxError
from app.services.agents.recipes import ANY_PROGRAM, CODEX
from app.services.sandbox_walls import Walls, walls_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no sandbox for it yet")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "person"
    (folder / "code" / "project" / ".git").mkdir(parents=True)
    return folder


@pytest.fixture
def project(home: Path) -> Path:
    return home / "code" / "project"


def walls(folder: Path, home: Path, *private: Path) -> Walls:
    return walls_for(folder, ANY_PROGRAM, "/bin/sh", {"HOME": str(home)}, private)


def test_the_whole_repository_is_the_agents_wherever_in_it_it_starts(home: Path, project: Path) -> None:
    (project / "src").mkdir()
    built = walls(project / "src", home)
    assert built.writable == (project, project / ".git")
    assert built.folder == project / "src"


def test_a_worktree_needs_the_git_folder_it_shares(home: Path, project: Path) -> None:
    worktree, kept = home / "code" / "second", project / ".git" / "worktrees" / "second"
    for folder in (worktree, kept, project / ".git" / "objects", project / ".git" / "hooks"):
        folder.mkdir(parents=True)
    (project / ".git" / "HEAD").touch()
    (kept / "gitdir").write_text(f"{worktree / '.git'}\n")
    (worktree / ".git").write_text(f"gitdir: {kept}\n")
    built = walls(worktree, home)
    assert built.writable == (worktree, project / ".git")
    assert built.read_only == (project / ".git" / "hooks",)


def test_outside_a_repository_it_is_the_folder(home: Path) -> None:
    (home / "notes").mkdir()
    assert walls(home / "notes", home).writable == (home / "notes",)


def test_a_home_kept_in_git_is_not_the_agents(home: Path) -> None:
    (home / ".git").mkdir()
    (home / "notes").mkdir()
    assert walls(home / "notes", home).writable == (home / "notes",)


@pytest.mark.parametrize("place", [".", "..", "/"])
def test_a_home_and_what_holds_it_are_too_wide(home: Path, place: str) -> None:
    with pytest.raises(InvalidInput, match="Too wide"):
        walls(home / place, home)


def test_nobody_works_among_secrets(home: Path) -> None:
    (home / ".ssh" / "tools").mkdir(parents=True)
    with pytest.raises(InvalidInput, match="holds secrets"):
        walls(home / ".ssh" / "tools", home)


def test_a_link_is_followed_to_what_is_hidden(home: Path, project: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (home / ".ssh").symlink_to(tmp_path / "elsewhere")
    assert tmp_path / "elsewhere" in walls(project, home).hidden


def test_bursars_own_folders_are_hidden_each_once(home: Path, project: Path) -> None:
    data = home / ".local" / "share" / "bursar"
    (data / "log").mkdir(parents=True)
    assert walls(project, home, data, data / "log").hidden == (data,)


@pytest.fixture
def agent_socket(home: Path) -> Iterator[Path]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "agent.sock"))
        server.listen()
        yield home / "agent.sock"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists its sockets")
def test_sockets_of_other_programs_are_hidden(home: Path, project: Path, agent_socket: Path) -> None:
    assert walls(project, home).hidden == (agent_socket,)


def test_an_agents_folder_that_cannot_be_made_is_told(home: Path, project: Path) -> None:
    (home / ".codex").write_text("in the way")
    with pytest.raises(SandboxError, match="cannot be made"):
        walls_for(project, CODEX, "/bin/sh", {"HOME": str(home)}, ())


def test_what_npm_installed_a_program_with_is_shown_with_it(home: Path, project: Path) -> None:
    modules = home.parent / "agents" / "node_modules"
    program, beside = modules / "@openai" / "codex" / "bin" / "codex.js", modules / ".bin" / "codex"
    for file in (program, beside):
        file.parent.mkdir(parents=True)
    program.touch()
    beside.symlink_to(program)
    built = walls_for(project, ANY_PROGRAM, str(beside), {"HOME": str(home)}, ())
    assert modules in built.shown
