"""The rules of the house that no linter knows: ceilings, names, what files may hold, locks that fit the project."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "proxy_addon")
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 300, 40

LOCKS = ["requirements.lock", "requirements-dev.lock", "requirements-ship.lock"]
GROUPS = {"requirements-dev.lock": ["dev"], "requirements-ship.lock": ["ship"]}
"""The dependency groups that a lock holds beside those for building."""

CEILING_EXCEPTIONS: dict[str, str] = {}
"""Files ("app/x.py") and functions ("app/x.py:f") allowed above a ceiling, each with its reason."""

HOST_EXCEPTIONS: dict[str, str] = {}
"""Files allowed to hold the host of a package index or a path of some machine, each with its reason."""

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}

# Put together here, so that this file does not hold what it looks for.
INDEX_HOSTS = re.compile(
    r"\b(?:pypi\." + r"org|pythonhosted\." + r"org|registry\.npmjs\." + r"org|registry\.yarnpkg\." + r"com"
    r"|proxy\.golang\." + r"org|deb\.debian\." + r"org|crates\." + r"io)\b"
)
MACHINE_PATHS = re.compile(
    r"(?<![\w./\-~}])/(?:root|work|Users/(?!you\b)\w+|home/(?!you\b|linuxbrew\b)\w+|tmp/\w+)(?:/|\b)"
    r"|\b[A-Z]:\\+Users\\+(?!you\b)\w"
)
TEXT_SUFFIXES = {
    *(".py", ".pyi", ".toml", ".md", ".lock", ".txt", ".cfg", ".ini", ".json", ".jsonl", ".yml", ".yaml", ".sh"),
    *(".svg", ".qss", ".html", ".desktop", ".service", ".plist", ".spec", ".http", ".sse", ".csv", ".xml", ""),
}
UNTRACKED = re.compile(r"\.venv.*|\.git|__pycache__|\.\w+_cache|\.hypothesis|build|dist|htmlcov|.*\.egg-info")


def files_under(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path, names, files in (ROOT / folder).walk():
            names[:] = [name for name in names if not UNTRACKED.fullmatch(name)]
            yield from (path / name for name in files)


def modules() -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in files_under(*PACKAGES) if path.suffix == ".py")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text("utf-8"))


@cache
def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


@cache
def pins(lock: str) -> dict[str, frozenset[str]]:
    """Name -> the versions pinned (a name has two where Pythons differ)."""
    found: dict[str, set[str]] = {}
    text = (ROOT / "packaging" / lock).read_text("utf-8")
    for name, version in re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return {name: frozenset(versions) for name, versions in found.items()}


def test_there_are_modules_to_look_at() -> None:
    assert {Path(module).parts[0] for module in modules()} == set(PACKAGES)


@pytest.mark.parametrize("folder", ["packaging", "resources", "tests/packaging"])
def test_folders_that_are_no_packages_have_no_init(folder: str) -> None:
    assert [path for path in files_under(folder) if path.name == "__init__.py"] == []


@pytest.mark.parametrize("module", modules())
def test_a_module_says_what_it_is_for(module: str) -> None:
    assert ast.get_docstring(tree_of(module)), f"{module} opens without a docstring"


@pytest.mark.parametrize("module", modules())
def test_a_module_is_named_after_a_thing(module: str) -> None:
    parts = set(Path(module).with_suffix("").parts)

    assert not parts & VAGUE_NAMES


@pytest.mark.parametrize("module", modules())
def test_a_file_and_its_functions_stay_under_their_ceilings(module: str) -> None:
    lines = len((ROOT / module).read_text("utf-8").splitlines())
    assert lines <= LINES_OF_A_FILE or module in CEILING_EXCEPTIONS, f"{module} has {lines} lines"

    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            allowed = length <= LINES_OF_A_FUNCTION or f"{module}:{node.name}" in CEILING_EXCEPTIONS
            assert allowed, f"{module}:{node.name} has {length} lines"


def test_exceptions_are_still_needed() -> None:
    for named in (*CEILING_EXCEPTIONS, *HOST_EXCEPTIONS):
        assert (ROOT / named.partition(":")[0]).exists(), f"{named} is gone, and so should its exception"


@pytest.mark.parametrize("module", [module for module in modules() if module.startswith("app/core/")])
def test_core_stands_on_the_standard_library_only(module: str) -> None:
    for node in ast.walk(tree_of(module)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            known = name.partition(".")[0] in sys.stdlib_module_names or name.startswith("app.core")
            assert known or name == "app", f"{module} imports {name}"


def test_imports_keep_to_the_floors() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_names_a_package_index_or_a_machine() -> None:
    found = []
    for path in files_under("."):
        name = path.relative_to(ROOT).as_posix()
        if path.suffix not in TEXT_SUFFIXES or name in HOST_EXCEPTIONS:
            continue
        text = path.read_text("utf-8", errors="replace")
        found += [f"{name}: {match[0]}" for rule in (INDEX_HOSTS, MACHINE_PATHS) for match in rule.finditer(text)]

    assert found == []


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("see https://pypi." + "org/project/x", True),
        ("open('/ro" + "ot/.config')", True),
        ("path = /ho" + "me/ann/code", True),
        ("path = C:\\\\Us" + "ers\\\\ann", True),
        ("path = /home/you/code", False),
        ("https://example.test/work/items", False),
        ("tests/work/x", False),
    ],
)
def test_the_search_for_hosts_and_paths_finds_them(line: str, caught: bool) -> None:
    assert bool(INDEX_HOSTS.search(line) or MACHINE_PATHS.search(line)) is caught


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_only_pins_with_hashes(lock: str) -> None:
    text = (ROOT / "packaging" / lock).read_text("utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())

    assert len(entries) > 50
    for entry in entries:
        assert re.fullmatch(r"[a-z0-9-]+==[^\n]+( \\\n    --hash=sha256:[0-9a-f]{64})+", entry), entry
    assert "://" not in text


def requirements(lock: str) -> list[str]:
    table = project()["project"]
    groups = project()["dependency-groups"]
    assert isinstance(table, dict)
    assert isinstance(groups, dict)
    extra = [requirement for group in ("build", *GROUPS.get(lock, [])) for requirement in groups[group]]
    return [*table["dependencies"], *extra]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_of_the_project_is_in_the_lock(lock: str) -> None:
    names = {re.split(r"[^A-Za-z0-9-]", requirement, maxsplit=1)[0].lower() for requirement in requirements(lock)}

    assert names - pins(lock).keys() == set()


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_what_is_tested_and_what_is_packed_are_what_is_installed(lock: str) -> None:
    """The launcher lets an environment made from the dev lock run Bursar: it has to hold the same versions."""
    installed, other = pins("requirements.lock"), pins(lock)

    assert {name for name in installed if other.get(name) != installed[name]} == set()
