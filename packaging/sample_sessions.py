"""A sample ledger for pictures of sessions: a day's work of five agents and a fortnight of tasks to compare it with.

Every call is priced by the price table and settled as the meter does it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.caps import Action
from app.core.exchange import ResponseFacts
from app.core.money import NANO_PER_USD
from app.core.origin import MAIN_ORIGIN, Origin, RequestClass
from app.core.reservations import Draft
from app.core.tags import Scope, Tags
from app.core.tool_call import ToolOutcome, ToolResult, ToolUse
from app.core.usage import Usage
from app.core.windows import Window as CapWindowKind
from app.ledger import cap_store, session_store
from app.ledger.admission import admit
from app.ledger.engine import Ledger
from app.ledger.group_writer import Desk
from app.ledger.identifiers import new_id
from app.ledger.settlement import settle
from app.ledger.tool_booking import ToolNews, book_tools
from app.pricing.table import price_call
from sample_ledgers import NOW, SEED, ZONE, ask, write

CLAUDE, CODEX, GEMINI = ("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5-codex"), ("google", "gemini-2.5-pro")
HAIKU, LLAMA = ("anthropic", "claude-haiku-4-5"), ("openai", "local-llama-3")
EXPLORE, TITLE = Origin(RequestClass.SUB_AGENT, "a1", "", "explore"), Origin(RequestClass.TITLE)
TOOLS = ("Bash", "Edit", "mcp__github__get_issue")


@dataclass(frozen=True)
class Work:
    """One session: so many calls of so many thousand tokens, the last one so many minutes ago."""

    task: str
    agent: str
    project: str
    model: tuple[str, str]
    calls: int
    minutes_ago: float
    thousands: int = 40
    cached: float = 0.85
    origin: Origin = MAIN_ORIGIN


TODAY = (
    Work("migrate invoices", "Claude Code", "billing-api", CLAUDE, 79, 0.01, 90),
    Work("migrate invoices", "Claude Code", "billing-api", CLAUDE, 8, 3, 40, 0.5, EXPLORE),
    Work("migrate invoices", "Claude Code", "billing-api", HAIKU, 1, 88, 2, 0, TITLE),
    Work("run 118", "nightly-eval", "evals", HAIKU, 240, 0.04, 12),
    Work("checkout tests", "Codex", "web-shop", CODEX, 61, 0.15, 60),
    Work("release notes", "Claude Code", "billing-api", CLAUDE, 19, 1.3, 50),
    Work("fix retry on 429", "Claude Code", "billing-api", CLAUDE, 37, 41, 45, 0.25),
    Work("fix retry on 429", "Claude Code", "billing-api", CLAUDE, 9, 52, 20, 0.4, EXPLORE),
    Work("fix retry on 429", "Claude Code", "billing-api", HAIKU, 1, 58, 2, 0, TITLE),
    Work("vendor bump", "Codex", "web-shop", CODEX, 14, 66, 30),
    Work("schema review", "Gemini CLI", "warehouse", GEMINI, 22, 125, 70, 0.3),
    Work("local llama batch", "own script", "evals", LLAMA, 36, 180, 9, 0),
    Work("flaky test hunt", "Claude Code", "web-shop", CLAUDE, 31, 190, 30),
    Work("docs pass", "Claude Code", "billing-api", CLAUDE, 12, 250, 40),
    Work("rename module", "Codex", "web-shop", CODEX, 11, 305, 40),
    Work("index tuning", "Gemini CLI", "warehouse", GEMINI, 16, 318, 30),
    Work("triage inbox", "own script", "ops", HAIKU, 9, 370, 20),
)
PAST = ("fix the date parser", "split the module", "upgrade the client", "docs for webhooks", "flaky login test",
        "cache the rates", "rename fields", "log the retries")  # fmt: skip


def fill_sessions(ledger: Ledger, meter: str) -> None:
    """The fortnight, the day, a cap on a project with a call that waits at it, a stopped session."""
    dice = random.Random(SEED)
    for day in range(1, 13):
        for number, task in enumerate(PAST):
            agent, model = (("Claude Code", CLAUDE), ("Codex", CODEX))[(number + day) % 2]
            work = Work(f"{task}, part {day}", agent, ("billing-api", "web-shop")[number % 2], model, 11, 0, 30)
            play(ledger, meter, work, NOW - timedelta(days=day, minutes=30 * number), dice)
    cap = cap_store.add_cap(
        ledger, scope=Scope.PROJECT, scope_key="billing-api", window=CapWindowKind.DAY,
        limit_nano_usd=20 * NANO_PER_USD, time_zone=ZONE.key,
    )  # fmt: skip
    cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindowKind.MONTH, limit_nano_usd=300 * NANO_PER_USD,
        action=Action.ALERT, time_zone=ZONE.key,
    )  # fmt: skip
    for work in reversed(TODAY):
        play(ledger, meter, work, NOW - timedelta(minutes=work.minutes_ago), dice)
    session_store.stop_session(ledger, "flaky test hunt", by="sample")
    waits = next(work for work in TODAY if work.task == "release notes")
    ask(ledger, meter, (tags_of(waits), *CLAUDE, 0), cap.cap_id, 380_000_000, timedelta(seconds=72))


def tags_of(work: Work) -> Tags:
    """Whose calls these are; each task is a session of its own."""
    return Tags(work.project, work.agent, "mara", "core", work.task, work.task)


def play(ledger: Ledger, meter: str, work: Work, end: datetime, dice: random.Random) -> None:
    """The calls of one session, a minute and a half apart, each with a longer context than the one before."""
    operations = []
    for number in range(work.calls):
        at = end - timedelta(seconds=90 * (work.calls - 1 - number) * min(1.0, 60 / work.calls))
        call = make_call(work, at, number, dice)
        operations.append(_booking(ledger, meter, call, number))
    write(ledger, operations)


def make_call(work: Work, at: datetime, number: int, dice: random.Random) -> Call:
    """One call with its price."""
    given = round(work.thousands * 1_000 * (0.4 + 0.6 * (number + 1) / work.calls) * dice.uniform(0.9, 1.1))
    read = round(given * work.cached * dice.uniform(0.9, 1.0))
    is_anthropic = work.model[0] == "anthropic"
    written = round((given - read) * 0.6) if is_anthropic and work.cached else None
    usage = Usage(
        input_tokens=given, output_tokens=dice.randint(150, 1_400), cache_read_tokens=read, cache_write_tokens=written
    )  # fmt: skip
    facts = ResponseFacts(usage=usage, response_model=work.model[1])
    price = price_call(provider=work.model[0], request_model=work.model[1], response=facts, started_at=at)
    is_failed = number % 17 == 16
    return Call(
        call_id=new_id(), started_at=at, provider=work.model[0], api_shape=ApiShape.ANTHROPIC_MESSAGES,
        operation="chat", request_model=work.model[1], tags=tags_of(work),
        outcome=Outcome.FAILED if is_failed else Outcome.COMPLETED, usage=Usage() if is_failed else usage,
        cost_nano_usd=0 if is_failed else price.cost_nano_usd, cost_basis=Basis.TABLE if is_failed else price.basis,
        price_version=price.version, response_model=work.model[1], status_code=529 if is_failed else 200,
        error_type="overloaded" if is_failed else "", duration_ms=dice.randint(900, 24_000),
        time_to_first_chunk_ms=dice.randint(300, 900), is_stream=True, origin=work.origin,
    )  # fmt: skip


def _booking(ledger: Ledger, meter: str, call: Call, number: int) -> Callable[[Desk], None]:
    """Reserve, settle, and note the tools that a call of Claude Code asked for."""
    draft = Draft(
        call.call_id, call.started_at, call.provider, call.api_shape, "chat", call.request_model, True, call.tags,
        call.cost_nano_usd or 0, origin=call.origin,
    )  # fmt: skip

    def operation(desk: Desk) -> None:
        everything = frozenset((cap.cap_id, cap.span(call.started_at, draft.payer).key) for cap in desk.caps)
        admit(desk.connection, desk.caps, draft, instance_id=meter, excused=everything)
        settle(desk.connection, desk.caps, call, call.started_at)
        if call.tags.agent == "Claude Code" and call.outcome is Outcome.COMPLETED:
            book_tools(ledger, desk.connection, call, _tools(call, number))

    return operation


def _tools(call: Call, number: int) -> ToolNews:
    """Two tools asked for, and the results of the two before."""
    uses = tuple(
        _use(TOOLS[(number + place) % 3], _tool_id(call, number, place), number)
        for place in range(2)
    )  # fmt: skip
    results = tuple(
        ToolResult(
            _tool_id(call, number - 1, place), "",
            ToolOutcome.FAILED if (number + place) % 5 == 0 else ToolOutcome.SUCCEEDED, 1_800 * (place + 1),
        )
        for place in range(2)
    )  # fmt: skip
    return ToolNews(results if number else (), uses, (), call.started_at + timedelta(seconds=9))


def _tool_id(call: Call, number: int, place: int) -> str:
    return f"{call.tags.session}_{number}_{place}".replace(" ", "_")


def _use(name: str, provider_id: str, number: int) -> ToolUse:
    server = name.split("__")[1] if "__" in name else ""
    return ToolUse(name, provider_id, b"%d" % number, 60 + 45 * number, server)
