"""Some hundred calls of a day in fast motion; all of it with `python -m tests.soak`."""

import sys

import pytest

from tests.faults.cells import cell
from tests.soak.soaking import soak

MOST_MORE = 24
"""Descriptors: two for each client, whose call may be on its way when it is looked. A leak would be hundreds."""

pytestmark = [pytest.mark.end2end, pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")]


@pytest.mark.timeout(300)
@cell(
    "F20", "all faults of the wire, mixed", "among good calls in several dialects", "the ledger is the provider's bill"
)
def test_the_ledger_is_the_providers_bill_whatever_is_mixed() -> None:
    result = soak(400)
    assert result.bad == []
    assert result.known > 300
    assert result.uncertain > 10
    assert result.known_charged == result.known_billed
    assert len(result.kinds) > 30
    assert result.more_files() <= MOST_MORE


@pytest.mark.slow
@pytest.mark.timeout(7_200)
@cell(
    "F45",
    "a day in fast motion",
    "100,000 calls, faults among them",
    "memory and descriptors flat, the bill to the cent",
)
def test_a_day_in_fast_motion() -> None:
    result = soak(100_000, faster=100.0)
    assert result.bad == []
    assert result.known_charged == result.known_billed
    assert result.growth() < 16 * 1024 * 1024
    assert result.more_files() <= MOST_MORE
