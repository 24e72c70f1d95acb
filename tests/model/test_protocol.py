"""The protocol that holds money keeps its promises in every state it can reach; each known mistake breaks one."""

from dataclasses import replace

import pytest

from tests.model.protocol import Agent, Mutation, Setting
from tests.model.search import search

# Two meters; two calls that are held at worst and one that is held by experience. Neither cap fits all three.
SETTING = Setting((Agent(0, 2, 2), Agent(1, 2, 2), Agent(1, 1, 3)), daily=(3, 4), total=5)
TIGHTER_AFTER_EDIT = Setting((Agent(0, 2, 2), Agent(1, 1, 2)), daily=(4, 2), total=4)
FEWEST_STATES = 400_000


def test_no_state_breaks_a_promise(capsys: pytest.CaptureFixture[str]) -> None:
    found = search(SETTING)
    with capsys.disabled():
        print(f"\nmodel check: {found.states:,} states, {'no violation' if not found.broken else found.broken}")
    assert found.broken == "", " → ".join(found.path)
    assert found.states >= FEWEST_STATES


def test_a_limit_that_is_lowered_under_running_calls_breaks_none() -> None:
    found = search(TIGHTER_AFTER_EDIT)
    assert found.broken == "", " → ".join(found.path)


@pytest.mark.parametrize("mutation", [one for one in Mutation if one is not Mutation.NONE], ids=lambda one: one.name)
def test_each_known_mistake_is_found(mutation: Mutation) -> None:
    found = search(replace(SETTING, mutation=mutation))
    assert found.broken, f"not found in {found.states} states: {mutation}"
    assert len(found.path) <= 12
