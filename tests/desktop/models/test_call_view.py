from datetime import UTC, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.call_input import CallInput, MissCause
from app.core.call_sum import ClassRates
from app.core.tags import Billing, Tags
from app.core.tool_call import ToolCall, ToolOutcome
from app.core.usage import Usage
from app.desktop.models.call_view import call_facts, cost_sentence, resent_words, token_columns, token_lines, tool_end
from app.desktop.models.columns import Clock

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
RATES = ClassRates(Fraction(3_000), Fraction(300), Fraction(3_750), Fraction(6_000), Fraction(15_000))
USAGE = Usage(
    input_tokens=1_000, output_tokens=50, cache_read_tokens=600, cache_write_tokens=300, cache_write_1h_tokens=100,
    reasoning_tokens=20,
)  # fmt: skip
EXACT = 100 * 3_000 + 600 * 300 + 200 * 3_750 + 100 * 6_000 + 50 * 15_000


def call(cost: int | None, usage: Usage = USAGE, **more: object) -> Call:
    basis = Basis.UNPRICED if cost is None else Basis.TABLE
    return Call(
        "c", NOW, "anthropic", ApiShape.ANTHROPIC_MESSAGES, "chat", "sonnet", Tags(agent="Claude Code"),
        Outcome.COMPLETED, usage, cost, basis, price_version="2026-11-18", **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_classes_of_tokens_are_disjoint_and_add_up_to_the_cost() -> None:
    lines = token_lines(call(EXACT), RATES)
    counted = [(line.name, line.tokens) for line in lines if not line.is_part]
    assert counted == [
        ("Input, not cached", 100), ("Cache read", 600), ("Cache write", 200), ("Cache write, kept for an hour", 100),
        ("Output", 50),
    ]  # fmt: skip
    assert sum(line.cost_nano_usd or 0 for line in lines) == EXACT
    assert [(line.name, line.tokens) for line in lines if line.is_part] == [("of it reasoning", 20)]


def test_what_the_list_price_does_not_explain_is_a_line_of_its_own() -> None:
    for cost, name in ((EXACT + 10_000_000, "Beyond the list price"), (EXACT - 500_000, "Below the list price")):
        lines = token_lines(call(cost), RATES)
        assert lines[-1].name == name
        assert sum(line.cost_nano_usd or 0 for line in lines) == cost


def test_unknown_tokens_stay_unknown() -> None:
    lines = token_lines(call(None, Usage()), None)
    columns = {column.title: column for column in token_columns()}
    assert {columns["Tokens"].text(line) for line in lines} == {"—"}
    assert {columns["Cost"].text(line) for line in lines} == {""}


def test_a_cost_says_where_it_comes_from_and_who_paid() -> None:
    assert cost_sentence(call(EXACT)) == "From the price table, 2026-11-18."
    assert cost_sentence(call(None)) == "No price is known for this model."
    assert "A subscription paid for it" in cost_sentence(call(EXACT, billing=Billing.SUBSCRIPTION))


def test_facts_leave_out_what_nobody_told() -> None:
    facts = dict(call_facts(call(1, response_model="sonnet-4"), Clock(NOW, ZoneInfo("UTC"))))
    assert facts["Model"] == "sonnet-4, asked for as sonnet"
    assert facts["Agent"] == "Claude Code"
    assert facts["Part"] == "main conversation"


def test_what_was_sent_again_is_told_with_its_cause() -> None:
    given = CallInput("c", 40_000, 12_400, 9_000, 3_400, 8_400_000, MissCause.SYSTEM, "system")
    said = resent_words(given)
    assert said == "12.4k tokens, 9.0k of them from the cache, 3.4k paid again: system changed (system), $0.0084 lost"
    assert resent_words(CallInput("c", 40_000)) == ""
    assert resent_words(CallInput("c", 900, 500, 500, cause=MissCause.NONE)) == "500 tokens, 500 of them from the cache"


def test_tools_say_how_they_ended() -> None:
    def tool(outcome: ToolOutcome, result: str = "c2", *, is_retry: bool = False) -> ToolCall:
        return ToolCall("c", 0, "Bash", "", "", "", 9, NOW, outcome=outcome, result_call_id=result, is_retry=is_retry)

    ends = [tool_end(tool(outcome)) for outcome in (ToolOutcome.SUCCEEDED, ToolOutcome.FAILED, ToolOutcome.UNKNOWN)]
    assert ends == ["Done", "Failed", "Not told"]
    assert tool_end(tool(ToolOutcome.UNKNOWN, "", is_retry=True)) == "No result yet, a retry"
