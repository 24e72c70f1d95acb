"""Taking guards out of a copy of the checkout, one at a time, and running the tests that must notice."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.guards.guard import Guard

ROOT = Path(__file__).parents[2]
_COPIED = ("app", "packaging", "proxy_addon", "resources", "tests", "pyproject.toml", "README.md", "CHANGELOG.md")
_PATIENCE_S = 60
"""Of one test: without its guard it may wait for ever."""

type Outcomes = dict[str, str]
"""What came of each test: `passed`, `failed`, `skipped`, or `error` where it broke before its own part began."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one guard. `trouble` is empty where it is proven."""

    guard: Guard
    trouble: str


def tried(guards: Sequence[Guard], tree: Path) -> Iterator[Verdict]:
    """Whether each test passes with its guard and fails without, in a copy of the checkout that is made at `tree`."""
    copy_to(tree)
    whole = _run(tree, dict.fromkeys(test for guard in guards for test in guard.tests))
    for guard in guards:
        trouble = _trouble(guard, whole, "passed")
        if not trouble:
            with taken_out(guard, tree):
                trouble = _trouble(guard, _run(tree, guard.tests), "failed")
        yield Verdict(guard, trouble)


def copy_to(tree: Path) -> None:
    """The parts of the checkout that tests need."""
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name)  # with the compiled files, which are good for the same times
        else:
            shutil.copy2(source, tree / name)


@contextmanager
def taken_out(guard: Guard, tree: Path) -> Iterator[None]:
    """The copy without this guard."""
    file = tree / guard.file
    whole = file.read_text("utf-8")
    file.write_text(guard.without(tree), "utf-8")
    try:
        yield
    finally:
        file.write_text(whole, "utf-8")


def _trouble(guard: Guard, outcomes: Outcomes, wanted: str) -> str:
    """Each of its tests has to end in the way that is wanted; one of many parameters may do so for all."""
    for test in guard.tests:
        ends = {end for name, end in outcomes.items() if name == test or name.startswith(f"{test}[")}
        is_so = ends == {"passed"} if wanted == "passed" else "failed" in ends and not ends & {"error", "skipped"}
        if not is_so:
            when = "with it" if wanted == "passed" else "without it"
            return f"{test} {when}: {', '.join(sorted(ends)) or 'not run'}"
    return ""


def _run(tree: Path, tests: Iterable[str]) -> Outcomes:
    """Run these tests of a copy in a process of its own, which imports nothing but the copy."""
    report = tree / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["--timeout", str(_PATIENCE_S), "--junitxml", str(report), "-o", "junit_family=xunit1"]
    command += ["-m", "not agents"]  # the slow ones too
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "QT_QPA_PLATFORM": "offscreen"}
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    named = [f"tests/{test}" for test in tests]
    done = subprocess.run([*command, *named], cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if not report.exists():
        raise RuntimeError(f"pytest did not run: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return dict(_outcome(case) for case in ElementTree.parse(report).iter("testcase"))


def _outcome(case: ElementTree.Element) -> tuple[str, str]:
    ends = {"failure": "failed", "error": "error", "skipped": "skipped"}
    found = next((part for part in case if part.tag in ends), None)
    end = "passed" if found is None else ends[found.tag]
    if end == "error" and "teardown" in str(found.get("message") if found is not None else ""):
        end = "failed"  # what it looks at in the end
    return f"{str(case.get('file')).removeprefix('tests/')}::{case.get('name')}", end
