"""Issue 11: 20 sidecars race on one team cap to the last cent, and the server is killed on the way."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres
from tests.faults.cells import cell

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(postgres.tools() is None, reason="PostgreSQL is not installed (package: postgresql)")


def run(*arguments: str) -> str:
    """A process of its own: it forks its sidecars."""
    command = [sys.executable, "-W", "error", "-m", "tests.team_race", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@cell("F42", "server killed", "20 sidecars race on one cap", "cap holds; no call lost or counted twice")
def test_20_sidecars_spend_a_teams_cap_to_the_last_cent_though_the_server_is_killed() -> None:
    figures = run("--cap", "0.2", "--agents", "2", "--kill", "1", "--seconds", "90")

    assert "overshoot               $0.000000" in figures
    assert "calls lost, doubled     0, 0" in figures
    assert "deadlocks               0" in figures


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [0, 8])
def test_20_sidecars_race_for_long(kills: int) -> None:
    run("--cap", "10", "--kill", str(kills), "--seconds", "800")
