"""Calls and questions put into a ledger as the meter would."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.caps import Cap
from app.core.origin import MAIN_ORIGIN, Origin
from app.core.reservations import Draft, Obstacle, Refusal
from app.core.tags import Billing, Tags
from app.core.tool_call import ToolOutcome
from app.core.usage import Usage
from app.ledger.admission import admit
from app.ledger.approval_store import ask
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.settlement import settle
from tests.ledger import tooling


def draft(tags: Tags, worst_nano_usd: int | None = 380_000_000) -> Draft:
    """A call about to be sent."""
    return Draft(
        call_id=new_id(),
        at=datetime.now(UTC),
        provider="anthropic",
        api_shape=ApiShape.ANTHROPIC_MESSAGES,
        operation="chat",
        request_model="claude-opus-4-8",
        is_stream=True,
        tags=tags,
        worst_nano_usd=worst_nano_usd,
    )


def book_call(
    ledger: Ledger,
    tags: Tags,
    cost_nano_usd: int | None,
    *,
    model: str = "claude-opus-4-8",
    billing: Billing = Billing.API,
    origin: Origin = MAIN_ORIGIN,
    outcome: Outcome = Outcome.COMPLETED,
) -> None:
    """Reserve and settle one call of 1,000 tokens in and 200 out."""
    asked = replace(draft(tags), billing=billing, origin=origin)
    call = Call(
        call_id=asked.call_id,
        started_at=asked.at,
        provider=asked.provider,
        api_shape=asked.api_shape,
        operation=asked.operation,
        request_model=model,
        tags=tags,
        outcome=outcome,
        usage=Usage(input_tokens=1_000, output_tokens=200),
        cost_nano_usd=cost_nano_usd,
        cost_basis=Basis.UNPRICED if cost_nano_usd is None else Basis.TABLE,
        billing=billing,
        origin=origin,
    )
    with ledger.write() as connection:
        caps = read_caps(connection)
        assert admit(connection, caps, asked, instance_id="test").is_admitted
        assert settle(connection, caps, call, datetime.now(UTC))


def ask_person(ledger: Ledger, tags: Tags, cap: Cap) -> str:
    """Ask whether a call may go although the cap is reached. Gives the question's id."""
    wanted = draft(tags)
    obstacle = Obstacle(
        refusal=Refusal.EXHAUSTED,
        cap_id=cap.cap_id,
        cap_name="billing-api, today",
        window_key=cap.span(wanted.at, wanted.payer).key,
        asks_person=True,
        spent_nano_usd=9_870_000_000,
        held_nano_usd=0,
        limit_nano_usd=10_000_000_000,
        resets_at=None,
    )
    expires_at = datetime.now(UTC) + timedelta(minutes=10)
    with ledger.write() as connection:
        return ask(connection, wanted, obstacle, "test", expires_at)


def book_tools_of_a_task(ledger: Ledger, tags: Tags) -> None:
    """Four calls whose Bash fails twice in the same way and then goes well, beside a tool of an MCP server."""
    now = datetime.now(UTC)
    failed = ToolOutcome.FAILED
    turns = (
        ((tooling.use("Bash", "make", "1"), tooling.use("mcp__git__log", "n", "2", server="git")), ()),
        ((tooling.use("Bash", "make", "3"),), (tooling.result("1", failed), tooling.result("2"))),
        ((tooling.use("Bash", "make", "4"),), (tooling.result("3", failed),)),
        ((tooling.use("Read", "f", "5"),), (tooling.result("4"),)),
    )
    for number, (uses, results) in enumerate(turns):
        at = now - timedelta(seconds=40 - number)
        tooling.book_call(ledger, *uses, results=results, tags=tags, cost=10**8, at=at, took=timedelta())
