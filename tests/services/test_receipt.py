from dataclasses import replace
from datetime import UTC, datetime

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.call_input import CauseSum, InputSums, MissCause
from app.core.caps import Cap
from app.core.origin import MAIN_ORIGIN, Origin, RequestClass
from app.core.tags import Billing, Scope, Tags
from app.core.tool_call import ToolSum, ToolSums
from app.core.usage import Usage
from app.core.windows import Window
from app.ledger.cap_store import CapStatus
from app.services.receipt import (
    Receipt,
    format_cache,
    format_family,
    format_left,
    format_receipt,
    format_tools,
    receipt_of,
    receipt_values,
)


def test_a_receipt_is_one_line() -> None:
    spent = Receipt(
        calls=12, input_tokens=45_200, cache_read_tokens=36_900, output_tokens=3_100, cost_nano_usd=124 * 10**7
    )
    assert format_receipt(spent) == "12 calls, 45.2k tokens in (81% cached), 3.1k out, $1.24"
    little = Receipt(
        calls=1, refused_calls=2, failed_calls=1, input_tokens=10, output_tokens=5, cost_nano_usd=4_200_000
    )
    assert format_receipt(little) == "1 call, 10 tokens in, 5 out, $0.0042, 1 call failed, 2 calls refused"
    covered = Receipt(calls=2, input_tokens=10, output_tokens=5, subscription_nano_usd=4 * 10**9)
    assert format_receipt(covered).endswith("5 out, $0.00, $4.00 at list price, paid by a subscription")
    unpriced = Receipt(calls=1, unpriced_calls=1)
    assert format_receipt(unpriced) == "1 call, 0 tokens in, 0 out, —, 1 call without a price"


def test_without_input_nothing_is_said_of_a_cache() -> None:
    assert Receipt().cache_hit_percent is None
    assert Receipt(input_tokens=3, cache_read_tokens=2).cache_hit_percent == 66


def test_a_receipt_adds_up_what_providers_told() -> None:
    call = Call(
        call_id="c1",
        started_at=datetime(2026, 11, 22, tzinfo=UTC),
        provider="anthropic",
        api_shape=ApiShape.ANTHROPIC_MESSAGES,
        operation="chat",
        request_model="m",
        tags=Tags(),
        outcome=Outcome.COMPLETED,
        usage=Usage(input_tokens=100, cache_read_tokens=60, cache_write_tokens=30, output_tokens=9, reasoning_tokens=4),
        cost_nano_usd=7,
        cost_basis=Basis.TABLE,
    )
    untold = replace(call, usage=Usage(), outcome=Outcome.FAILED, cost_nano_usd=None, cost_basis=Basis.UNPRICED)
    refused = replace(call, outcome=Outcome.REFUSED, cost_nano_usd=0)
    assert receipt_of([call, untold, refused]) == Receipt(2, 1, 1, 100, 60, 30, 9, 4, 7, 1, 0)
    covered = replace(call, billing=Billing.SUBSCRIPTION)
    receipt = receipt_of([call, covered, replace(untold, billing=Billing.SUBSCRIPTION)])
    assert (receipt.calls, receipt.cost_nano_usd, receipt.subscription_nano_usd) == (3, 7, 7)
    assert receipt.unpriced_calls == 0


def test_a_receipt_for_scripts_is_exact() -> None:
    cap = Cap("c", Scope.PROJECT, "billing-api", Window.DAY, 10 * 10**9)
    status = CapStatus(cap, "2026-11-22", 6_240_000_001, 5, 10 * 10**9, None, None, 0)
    assert format_left(status) == "$3.76 of $10.00 left of billing-api, today"
    values = receipt_values(Receipt(calls=1, cost_nano_usd=1), [status])
    assert (values["calls"], values["cost_usd"], values["cache_hit_percent"]) == (1, "0.000000001", None)
    assert values["caps"] == [
        {
            "name": "billing-api, today",
            "limit_usd": "10.00",
            "spent_usd": "6.240000001",
            "held_usd": "0.000000005",
            "remaining_usd": "3.759999999",
            "resets_at": None,
        }
    ]


def test_a_receipt_tells_sub_agents_and_titles_apart() -> None:
    def called(origin: Origin, cost: int | None = 2 * 10**9, billing: Billing = Billing.API) -> Call:
        basis = Basis.UNPRICED if cost is None else Basis.TABLE
        tags = Tags(session="s1")
        return Call(
            "c", datetime(2026, 11, 22, tzinfo=UTC), "anthropic", ApiShape.ANTHROPIC_MESSAGES, "chat", "m", tags,
            Outcome.COMPLETED, Usage(), cost, basis, billing=billing, origin=origin,
        )  # fmt: skip

    explore = Origin(RequestClass.SUB_AGENT, "aeaaa9d6a6eaa7d03", "", "Explore")
    covered = called(explore, billing=Billing.SUBSCRIPTION)
    receipt = receipt_of([called(MAIN_ORIGIN), called(explore), covered, called(Origin(RequestClass.TITLE), 4_200_000)])
    assert format_family(receipt) == [
        "main               1 call, $2.00",
        "├ Explore …aa7d03  2 calls, $2.00",
        "titles             1 call, $0.0042",
    ]
    values = receipt_values(receipt, ())["family"]
    assert [(line["name"], line["depth"], line["calls"], line["cost_usd"]) for line in values] == [
        ("main", 0, 1, "2.00"), ("Explore …aa7d03", 1, 2, "2.00"), ("titles", None, 1, "0.0042"),
    ]  # fmt: skip
    assert format_family(receipt_of([called(MAIN_ORIGIN)])) == []
    unpriced = receipt_of([called(MAIN_ORIGIN), called(explore, None)])
    assert format_family(unpriced)[1].endswith("1 call, —")


def test_a_receipt_names_the_tools_and_their_failures() -> None:
    bash = ToolSum("Bash", "", calls=20, failed=3, unknown=0, unanswered=0, retries=2, followed_nano_usd=10**9)
    others = [ToolSum(f"tool{n}", "", 1, 0, 0, 0, 0, 0) for n in range(4)]
    log = ToolSum("mcp__git__log", "git", 1, 0, 1, 0, 0, 0)
    total = ToolSum("All", "", 25, 3, 1, 0, 2, 10**9)
    spent = Receipt(calls=9, tools=ToolSums((bash, log, *others), total))
    assert format_tools(spent) == (
        "25 tool calls, 3 failed, 2 tried again, 1 with an unknown end: "
        "Bash 20 (3 failed), log of git 1, tool0 1, tool1 1, tool2 1, 1 other tool"
    )
    assert format_tools(Receipt()) == ""
    told = receipt_values(spent, [])
    assert (told["tools"][0]["name"], told["tools"][0]["followed_usd"]) == ("Bash", "1.00")
    assert told["tools_total"]["calls"] == 25


def test_a_receipt_says_what_was_lost_to_the_cache_when_it_was_more_than_a_cent() -> None:
    tools = CauseSum(MissCause.TOOLS, 4, 120_300, 420_000_000)
    causes = (tools, CauseSum(MissCause.EXPIRED, 1, 20_000, 100_000_000), CauseSum(MissCause.TOO_SHORT, 2, 900, 0))
    spent = Receipt(inputs=InputSums(9, 500_000, 400_000, 258_800, 141_200, 520_000_000, causes=causes))
    assert format_cache(spent) == (
        "tools changed: $0.42 lost to the cache, 120.3k tokens sent again and paid in full; expired: $0.10"
    )
    told = receipt_values(spent, ())
    assert (told["cache_lost_usd"], told["missed_tokens"]) == ("0.52", 141_200)
    assert told["cache_misses"][0] == {
        "cause": "tools changed",
        "calls": 4,
        "missed_tokens": 120_300,
        "lost_usd": "0.42",
    }
    cent = CauseSum(MissCause.TOOLS, 4, 1_000, 10_000_000)
    assert format_cache(Receipt(inputs=InputSums(lost_nano_usd=10_000_000, causes=(cent,)))) == ""
    assert format_cache(Receipt()) == ""
