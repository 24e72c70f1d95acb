"""Two hundred agents, one cap: the provider's own bill stays under it, and nearly all of it can be used."""

import pytest

from app.core.money import NANO_PER_CENT, NANO_PER_USD
from tests.race.contest import Result, Rules, race

pytestmark = pytest.mark.end2end


def _holds(result: Result) -> None:
    """What is true of every race."""
    assert result.overshoot_nano_usd == 0
    assert result.billed_nano_usd <= result.posted_nano_usd <= result.cap_nano_usd
    assert result.held_nano_usd == 0
    assert result.unfounded == []
    assert result.unended == 0


def test_cap_is_used_to_the_last_cents_and_never_passed() -> None:
    result = race(Rules(agents=60, cap_nano_usd=40 * NANO_PER_CENT, processes=2, seconds=60))
    _holds(result)
    assert result.used >= 0.95
    assert result.refusals["exhausted"] == 60
    assert result.broken == 0


def test_killed_meter_comes_back_and_the_cap_still_holds() -> None:
    result = race(Rules(agents=60, cap_nano_usd=40 * NANO_PER_CENT, processes=2, kills=1, seconds=60))
    _holds(result)
    assert result.kills == 1
    assert result.broken > 0
    assert result.posted_nano_usd >= 0.95 * result.cap_nano_usd


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_agents_over_four_processes_and_a_kill() -> None:
    result = race(Rules(agents=200, cap_nano_usd=5 * NANO_PER_USD, kills=1, seconds=500))
    _holds(result)
    assert result.used >= 0.95


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_limits_of_32k_tokens_leave_little_of_25_dollars_unused() -> None:
    rules = Rules(agents=200, cap_nano_usd=25 * NANO_PER_USD, trade="wide", output_limit=32_000, seconds=500)
    result = race(rules)
    _holds(result)
    assert result.used >= 0.8


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_meters_on_one_ledger_share_the_cap() -> None:
    result = race(Rules(agents=100, cap_nano_usd=NANO_PER_USD, meters=2, kills=2, seconds=500))
    _holds(result)
    assert result.kills == 2
