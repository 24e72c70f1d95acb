"""Real ledger files, and other processes that work on them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.ledger.engine import Ledger, open_ledger

ROOT = Path(__file__).parents[2]

type StartProcess = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = open_ledger(tmp_path / "ledger.sqlite", checkpoints=True)
    yield opened
    opened.close()


@pytest.fixture
def start_process() -> Iterator[StartProcess]:
    """Start `other_process.py TASK FILE ...`; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(task: str, file: Path, *more: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.ledger.other_process", task, str(file), *map(str, more)]
        process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
