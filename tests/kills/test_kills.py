"""A meter that is killed in the middle of its calls loses none of them: fifty times, a thousand times by night."""

import sys

import pytest

from tests.faults.cells import cell
from tests.kills.cycles import run_cycles

pytestmark = [
    pytest.mark.end2end,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked"),
]


@pytest.mark.parametrize(
    "cycles",
    [
        pytest.param(50, marks=[pytest.mark.timeout(900), cell(
            "F1", "killed 50 times", "any moment of 20 clients' calls", "no call is lost, and no state is bad")]),
        pytest.param(1_000, marks=[pytest.mark.slow, pytest.mark.timeout(7_200), cell(
            "F1", "killed 1,000 times", "any moment of 20 clients' calls", "no call is lost, and no state is bad")]),
    ],
)  # fmt: skip
def test_a_meter_killed_again_and_again_loses_no_call(cycles: int) -> None:
    result = run_cycles(cycles, clients=20)
    assert result.bad == []
    assert result.met["hung"] == 0
    assert result.met["refused connections"] == 0
    assert result.answered > cycles
    assert result.recovered > cycles // 10, "kills that struck nothing prove nothing"
