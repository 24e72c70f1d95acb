import pytest

from app.core.errors import AppError, InvalidInput, KeyRejected, MeterError
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.engine import Ledger
from app.services.agent_tools import AgentTools, key_in
from tests.cli.samples import book_call


@pytest.mark.parametrize(
    ("environment", "key"),
    [
        ({"BURSAR_KEY": "bsr_a", "OPENAI_API_KEY": "bsr_b"}, "bsr_a"),
        ({"ANTHROPIC_API_KEY": "sk-real", "OPENAI_API_KEY": "bsr_b"}, "bsr_b"),
        ({"ANTHROPIC_API_KEY": "sk-real"}, ""),
        ({}, ""),
    ],
)
def test_an_agent_is_known_by_the_virtual_key_in_its_environment(environment: dict[str, str], key: str) -> None:
    assert key_in(environment) == key


@pytest.mark.parametrize("token", ["", "bsr_unknown"])
def test_nobody_else_is_told_anything(ledger: Ledger, token: str) -> None:
    tools = AgentTools(ledger, token)
    for question in (tools.spend, tools.refusals, tools.remaining_budget, lambda: tools.estimate("gpt-5-mini", 1, 1)):
        with pytest.raises(KeyRejected):
            question()


def test_what_others_spend_is_not_told(ledger: Ledger) -> None:
    key, token = issue_key(ledger, name="mine", tags=Tags(agent="me", task="t"))
    book_call(ledger, key.tags, 5)
    book_call(ledger, Tags(agent="me", task="t", virtual_key_id="another"), 7)
    spent = AgentTools(ledger, token).spend()
    assert (spent["calls"], spent["cost_usd"], spent["task"]) == (1, "0.000000005", "t")


def test_an_estimate_needs_no_meter_but_what_is_left_does(ledger: Ledger) -> None:
    tools = AgentTools(ledger, issue_key(ledger, name="mine", tags=Tags())[1])
    told = tools.estimate("claude-opus-4-8", 1_000_000, 0)
    assert (told["provider"], "would_be_admitted" in told) == ("anthropic", False)
    assert tools.estimate("claude-opus-4-8", 1_000_000, 0, cached_input_tokens=1_000_000)["cost_usd"] < told["cost_usd"]
    with pytest.raises(MeterError, match="not running"):
        tools.remaining_budget()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("gpt-5-mini", -1, 0), "Not a count"), (("no-such-model", 1, 1), "This model has no known price")],
)
def test_an_estimate_that_cannot_be_made_is_told(ledger: Ledger, arguments: tuple[str, int, int], error: str) -> None:
    tools = AgentTools(ledger, issue_key(ledger, name="mine", tags=Tags())[1])
    with pytest.raises(AppError) as told:
        tools.estimate(*arguments)
    assert told.value.title == error


def test_without_a_cap_there_is_nothing_to_ask_for(ledger: Ledger) -> None:
    tools = AgentTools(ledger, issue_key(ledger, name="mine", tags=Tags())[1])
    with pytest.raises(InvalidInput, match="No cap stops you"):
        tools.ask_for_more("1", 0)
