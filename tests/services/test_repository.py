from pathlib import Path

import pytest

from app.core.errors import InvalidInput
from app.services.repository import Repository, repository_at, shared_git_folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A Git repository named billing-api, on a branch."""
    git = tmp_path / "billing-api" / ".git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/fix/retry-429\n")
    return tmp_path / "billing-api"


def test_a_folder_is_at_home_in_its_repository(checkout: Path) -> None:
    deep = checkout / "src" / "deep"
    deep.mkdir(parents=True)
    assert repository_at(deep) == Repository("billing-api", task="fix/retry-429")


def test_outside_a_repository_the_folder_names_the_project(tmp_path: Path) -> None:
    assert repository_at(tmp_path) == Repository(tmp_path.name)


@pytest.mark.parametrize("head", ["8f3c2a1", "", "ref: refs/remotes/x"])
def test_on_no_branch_there_is_no_task(checkout: Path, head: str) -> None:
    (checkout / ".git" / "HEAD").write_text(head)
    assert repository_at(checkout).task == ""


def test_a_worktree_belongs_to_its_main_repository(checkout: Path, tmp_path: Path) -> None:
    kept = checkout / ".git" / "worktrees" / "second"
    kept.mkdir(parents=True)
    (kept / "HEAD").write_text("ref: refs/heads/second\n")
    (kept / "commondir").write_text("../..\n")
    worktree = tmp_path / "elsewhere"
    worktree.mkdir()
    (worktree / ".git").write_text(f"gitdir: {kept}\n")
    assert repository_at(worktree) == Repository("billing-api", task="second")


def test_the_nearest_file_speaks_for_the_repository(checkout: Path) -> None:
    (checkout / ".bursar.toml").write_text('project = "billing"\nteam = "payments"\ncap = 2.50\n')
    (checkout / "web").mkdir()
    (checkout / "web" / "deep").mkdir()
    (checkout / "web" / ".bursar.toml").write_text('cap = "0.75"\n')
    assert repository_at(checkout) == Repository("billing", "fix/retry-429", "payments", 2_500_000_000)
    assert repository_at(checkout / "web" / "deep") == Repository("billing-api", "fix/retry-429", "", 750_000_000)


def test_a_file_above_the_repository_says_nothing(checkout: Path) -> None:
    (checkout.parent / ".bursar.toml").write_text('project = "everything"\n')
    assert repository_at(checkout).project == "billing-api"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('project = "x"\nteams = "y"\n', "Line 2: “teams” is not a setting; there are project, team, cap, sandbox."),
        ('project = "x"\n\ncap = "2,50"\n', "Line 3: “cap” must be an amount like 2.50."),
        ("cap = true\n", "Line 1: “cap” must be an amount like 2.50."),
        ("cap = -1\n", "Line 1: “cap” must be an amount like 2.50."),
        ("cap = nan\n", "Line 1: “cap” must be an amount like 2.50."),
        ("project = 7\n", "Line 1: “project” must be a text."),
        ('sandbox = "no"\n', "Line 1: “sandbox” must be true or false."),
        ("sandbox = 1\n", "Line 1: “sandbox” must be true or false."),
        ("[project]\nname = 1\n", "Line 1: “project” must be a text."),
        ('project = "x"\nteam = \n', "line 2"),
    ],
)
def test_a_wrong_file_is_told_by_its_line(checkout: Path, text: str, told: str) -> None:
    (checkout / ".bursar.toml").write_text(text)
    with pytest.raises(InvalidInput) as wrong:
        repository_at(checkout)
    assert told in wrong.value.message
    assert str(checkout / ".bursar.toml") in wrong.value.message


def test_a_file_that_is_no_text_is_told(checkout: Path) -> None:
    (checkout / ".bursar.toml").write_bytes(b"project = '\xff'")
    with pytest.raises(InvalidInput, match="UnicodeDecodeError"):
        repository_at(checkout)


@pytest.mark.parametrize(("said", "asks"), [("sandbox = true\n", True), ("sandbox = false\n", False), ("", False)])
def test_a_repository_may_ask_for_a_sandbox(checkout: Path, said: str, asks: bool) -> None:
    (checkout / ".bursar.toml").write_text(said)
    assert repository_at(checkout).asks_for_sandbox is asks


def test_a_worktree_shares_the_git_folder_that_knows_of_it_and_no_other(checkout: Path, tmp_path: Path) -> None:
    git, worktree, victim = checkout / ".git", tmp_path / "second", tmp_path / "victim"
    kept = git / "worktrees" / "second"
    for folder in (kept, git / "objects", worktree, victim / "worktrees" / "second", victim / "objects"):
        folder.mkdir(parents=True)
    (kept / "gitdir").write_text(f"{worktree / '.git'}\n")
    (worktree / ".git").write_text(f"gitdir: {kept}\n")
    assert shared_git_folder(worktree) == git
    (worktree / ".git").write_text(f"gitdir: {victim / 'worktrees' / 'second'}\n")
    assert shared_git_folder(worktree) is None
    assert shared_git_folder(checkout) is None
