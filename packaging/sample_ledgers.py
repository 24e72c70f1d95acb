"""Sample ledgers for pictures: a month of four agents, and the small ones of single pages.

Used by screenshots.py; every call is reserved and settled as the meter does it.
"""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.caps import Action
from app.core.key_limits import KeyCap, KeyLimits
from app.core.money import NANO_PER_USD
from app.core.provider_keys import KeyName, Trial
from app.core.reservations import Draft
from app.core.tags import Scope, Tags
from app.core.usage import Usage
from app.core.windows import Window as CapWindowKind
from app.keys.issue import issue_key
from app.ledger import approval_store, cap_store, price_store, provider_key_store, spend
from app.ledger.admission import admit
from app.ledger.engine import Ledger, open_ledger
from app.ledger.group_writer import Desk, GroupWriter, Operation
from app.ledger.identifiers import new_id
from app.ledger.meter_state import InstanceLock, register_meter
from app.ledger.settlement import settle
from app.pricing.overrides import Rates

NOW = datetime(2026, 11, 20, 13, 32, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
SEED = 20
_PARTS = 48
WORK = (
    (
        Tags("billing-api", "Claude Code", "mara", "core", "migrate invoices", "s-1"),
        "anthropic",
        "claude-sonnet-4-5",
        50,
    ),
    (Tags("web-shop", "Codex", "mara", "core", "checkout tests", "s-2"), "openai", "gpt-5-codex", 30),
    (Tags("evals", "nightly-eval", "ci", "core", "run 118", "s-3"), "anthropic", "claude-haiku-4-5", 12),
    (Tags("warehouse", "Gemini CLI", "mara", "data", "schema review", "s-4"), "google", "gemini-2.5-pro", 8),
)


def open_sample(home: Path, fill: Callable[[Ledger, str], None]) -> Ledger:
    """A new ledger with a meter that lives as long as this process, filled by `fill`."""
    home.mkdir(parents=True)
    ledger = open_ledger(home / "ledger.sqlite")
    lock = InstanceLock(ledger)
    LOCKS.append(lock)
    register_meter(ledger, lock.instance_id, "http://127.0.0.1:8787", "http://127.0.0.1:8788")
    fill(ledger, lock.instance_id)
    return ledger


LOCKS: list[InstanceLock] = []

type Planned = tuple[datetime, tuple[Tags, str, str], int | None, Outcome, Basis]


def fill_normal(ledger: Ledger, meter: str) -> None:
    """A month of four agents, with caps that are fine, near and used up, and one call that waits."""
    add = partial(cap_store.add_cap, ledger, time_zone=ZONE.key)
    usd = NANO_PER_USD
    add(scope=Scope.PROJECT, scope_key="billing-api", window=CapWindowKind.DAY, limit_nano_usd=10 * usd)
    add(scope=Scope.AGENT, scope_key="Claude Code", window=CapWindowKind.MONTH, limit_nano_usd=100 * usd)
    add(scope=Scope.EVERYTHING, scope_key="", window=CapWindowKind.MONTH, limit_nano_usd=300 * usd)
    add(
        scope=Scope.EVERYTHING, scope_key="", window=CapWindowKind.DAY, limit_nano_usd=20 * usd, action=Action.ALERT
    )  # fmt: skip
    dice = random.Random(SEED)
    plan = plan_month_before(random.Random(SEED)) + plan_month(dice)
    for at, who, cost, outcome, basis in sorted(plan, key=lambda planned: planned[0]):
        write_call(ledger, meter, who, at, cost, dice, outcome=outcome, basis=basis)
    spent = spend.spend_by(ledger, Scope.PROJECT, NOW.replace(hour=0), NOW)
    billing = next(group.cost_nano_usd for group in spent if group.key == "billing-api")
    for part in range(_PARTS):
        cost = (9_870_000_000 - billing) // _PARTS
        last = 9_870_000_000 - billing - cost * (_PARTS - 1)
        at = NOW - timedelta(minutes=7 * (_PARTS - 1 - part), seconds=1)
        write_call(ledger, meter, WORK[0][:3], at, last if part == _PARTS - 1 else cost, dice)
    fill_keys(ledger)
    ask(ledger, meter, WORK[0], cap_store.list_caps(ledger)[0].cap_id, 380_000_000, timedelta(seconds=72))


def fill_first_key(ledger: Ledger, meter: str) -> None:
    """One key, kept and tested."""
    provider_key_store.note_provider_key(ledger, KeyName("anthropic"), NOW)
    provider_key_store.note_trial(ledger, KeyName("anthropic"), Trial.WORKS, NOW)


def fill_first_call(ledger: Ledger) -> None:
    """One small call, just now."""
    who = (WORK[0][0], "anthropic", "claude-haiku-4-5")
    write_call(ledger, LOCKS[-1].instance_id, who, NOW, 4_200_000, random.Random(SEED))


def fill_prices(ledger: Ledger, meter: str) -> None:
    """Models without a price, and prices of a person's own of every kind."""
    dice = random.Random(SEED)
    for number, model in enumerate(("kimi-k9-preview", "kimi-k9-preview", "own-finetune-of-a-very-long-name-2026-11")):
        who = (WORK[0][0], ("moonshotai", "moonshotai", "together")[number], model)
        write_call(ledger, meter, who, NOW - timedelta(hours=number + 1), None, dice)
    add = partial(price_store.add_override, ledger, host="*", starts_at=NOW - timedelta(days=9))
    add(provider="azure", model="*", factor=Decimal("0.85"))
    add(provider="openai", model="gpt-5-mini", rates=Rates(Decimal("0.2"), Decimal("1.6"), Decimal("0.02")))
    add(provider="*", model="local-*", factor=Decimal(0))


def fill_waiting(count: int, ledger: Ledger, meter: str) -> None:
    """A used-up cap and `count` calls that wait at it, of four agents in a few sessions each."""
    cap = cap_store.add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindowKind.DAY, limit_nano_usd=20 * NANO_PER_USD,
        time_zone=ZONE.key,
    )  # fmt: skip
    dice = random.Random(SEED)
    for number in range(20):
        write_call(ledger, meter, pick(dice), NOW - timedelta(seconds=20 * number + 9), 980_000_000, dice)
    for number in range(count):
        tags, provider, model, weight = WORK[number % len(WORK)]
        session = f"{tags.session}-{dice.randint(1, max(1, count // 30))}"
        who = (replace(tags, session=session), provider, model, weight)
        ago = timedelta(seconds=min(2, 500 / count) * (count - number))
        ask(ledger, meter, who, cap.cap_id, dice.randint(20_000_000, 900_000_000), ago)


def pick(dice: random.Random) -> tuple[Tags, str, str]:
    """One of the agents, by how much it works."""
    tags, provider, model, _ = dice.choices(WORK, weights=[item[3] for item in WORK])[0]
    return tags, provider, model


def plan_month_before(dice: random.Random) -> list[Planned]:
    """October: a little less, and without Gemini CLI."""
    plan: list[Planned] = []
    start = datetime(2026, 10, 1, 8, tzinfo=UTC)
    for day in range(31):
        weight = 0.25 if (start + timedelta(days=day)).weekday() >= 5 else 1
        for number in range(round(dice.randint(12, 26) * weight)):
            tags, provider, model, _ = WORK[dice.choices((0, 1, 2), weights=(48, 35, 17))[0] if plan else 0]
            at = start + timedelta(days=day, minutes=22 * number + dice.randint(0, 20))
            who = on_a_task((tags, provider, model), at)
            plan.append((at, who, dice.randint(20_000_000, 900_000_000), Outcome.COMPLETED, Basis.TABLE))
    return plan


def on_a_task(who: tuple[Tags, str, str], at: datetime) -> tuple[Tags, str, str]:
    """The same agent at one of its tasks of that day."""
    tags, provider, model = who
    task = f"{tags.task} {at:%d}.{at.hour // 3}"
    return replace(tags, task=task, session=f"{tags.session}-{at:%m%d}-{at.hour // 3}"), provider, model


def plan_month(dice: random.Random) -> list[Planned]:
    """Nineteen days, today so far, the last ten minutes, and one of each call that is not plain."""
    plan: list[Planned] = []
    start = NOW.replace(day=1, hour=8)
    for day in range(19):
        weight = 0.25 if (start + timedelta(days=day)).weekday() >= 5 else 1
        for number in range(round(dice.randint(14, 30) * weight)):
            at = start + timedelta(days=day, minutes=22 * number + dice.randint(0, 20))
            who = on_a_task(pick(dice), at)
            plan.append((at, who, dice.randint(20_000_000, 900_000_000), Outcome.COMPLETED, Basis.TABLE))
    for number in range(54):
        at = NOW.replace(hour=8) + timedelta(minutes=6 * number, seconds=dice.randint(0, 50))
        if at < NOW:
            plan.append((at, pick(dice), dice.randint(30_000_000, 240_000_000), Outcome.COMPLETED, Basis.TABLE))
    for tags, provider, model, _ in WORK[:3]:
        for _ in range(9):
            at = NOW - timedelta(seconds=dice.randint(3, 580))
            cost = dice.randint(20_000_000, 120_000_000)
            plan.append((at, (tags, provider, model), cost, Outcome.COMPLETED, Basis.TABLE))
    odd: tuple[tuple[Outcome, Basis, int | None], ...] = (
        (Outcome.INTERRUPTED, Basis.ESTIMATED, 42_000_000),
        (Outcome.FAILED, Basis.TABLE, 0),
        (Outcome.COMPLETED, Basis.UNPRICED, None),
    )
    for number, (outcome, basis, known) in enumerate(odd):
        plan.append((NOW - timedelta(seconds=40 * number + 9), WORK[number + 1][:3], known, outcome, basis))
    return plan


def write_call(
    ledger: Ledger, meter: str, who: tuple[Tags, str, str], at: datetime, cost: int | None, dice: random.Random,
    *, outcome: Outcome = Outcome.COMPLETED, basis: Basis | None = None,
) -> None:  # fmt: skip
    """Reserve and settle one call, as the meter does."""
    tags, provider, model = who
    given, made, cached = dice.randint(4_000, 160_000), dice.randint(200, 9_000), dice.randint(0, 4_000)
    call = Call(
        call_id=new_id(), started_at=at, provider=provider, api_shape=ApiShape.OPENAI_CHAT, operation="chat",
        request_model=model, tags=tags, outcome=outcome, cost_nano_usd=cost,
        cost_basis=basis or (Basis.UNPRICED if cost is None else Basis.TABLE),
        usage=Usage(
            input_tokens=given, output_tokens=made, cache_read_tokens=given * (3_000 + cached) // 7_500,
            cache_write_tokens=given // 25, reasoning_tokens=0 if provider == "anthropic" else made // 3,
        ),
        duration_ms=dice.randint(900, 24_000), status_code=429 if outcome is Outcome.FAILED else 200,
    )  # fmt: skip
    draft = Draft(
        call.call_id, at, provider, call.api_shape, "chat", model, is_stream=False, tags=tags,
        worst_nano_usd=cost or 0,
    )  # fmt: skip

    def operation(desk: Desk) -> None:
        everything = frozenset((cap.cap_id, cap.span(at, draft.payer).key) for cap in desk.caps)
        admit(desk.connection, desk.caps, draft, instance_id=meter, excused=everything)
        settle(desk.connection, desk.caps, call, at)

    write(ledger, [operation])


def write(ledger: Ledger, operations: list[Operation]) -> None:
    """Run what a meter would write, in one transaction. Raises the error of the first that failed."""
    writer = GroupWriter(ledger)
    try:
        for done in writer.write(operations):
            if done.error:
                raise done.error
    finally:
        writer.close()


def ask(ledger: Ledger, meter: str, who: tuple[Tags, str, str, int], cap_id: str, worst: int, ago: timedelta) -> None:
    """Let a call meet its cap and wait."""
    tags, provider, model, _ = who
    at = NOW - ago
    cap = next(cap for cap in cap_store.list_caps(ledger) if cap.cap_id == cap_id)
    draft = Draft(new_id(), at, provider, ApiShape.OPENAI_CHAT, "chat", model, False, tags, worst)
    status = next(status for status in cap_store.cap_statuses(ledger, NOW) if status.cap == cap)
    draft = Draft(
        draft.call_id, at, provider, draft.api_shape, "chat", model, False, tags,
        max(worst, status.limit_nano_usd - status.spent_nano_usd + 1),
    )  # fmt: skip

    def operation(desk: Desk) -> None:
        verdict = admit(desk.connection, desk.caps, draft, instance_id=meter)
        approval_store.ask(desk.connection, draft, verdict.obstacles[0], meter, at + timedelta(minutes=10))

    write(ledger, [operation])


def fill_keys(ledger: Ledger) -> None:
    """Provider keys that work, one that does not, and a virtual key for each agent."""
    anthropic, openai = KeyName("anthropic", "personal"), KeyName("openai", "team")
    for name in (anthropic, openai, KeyName("openai", "own"), KeyName("google")):
        provider_key_store.note_provider_key(ledger, name, NOW - timedelta(days=12))
    provider_key_store.note_trial(ledger, anthropic, Trial.WORKS, NOW - timedelta(hours=2))
    provider_key_store.note_trial(ledger, openai, Trial.WORKS, NOW - timedelta(minutes=41))
    provider_key_store.note_trial(ledger, KeyName("google"), Trial.REFUSED, NOW - timedelta(hours=2))
    provider_key_store.set_project_key(ledger, "web-shop", KeyName("openai", "own"))
    with ledger.write() as connection:
        for name, ago in ((anthropic, 1), (openai, 8), (KeyName("google"), 7_300)):
            provider_key_store.note_use(connection, name, NOW - timedelta(seconds=ago))
    cap = KeyCap(5 * NANO_PER_USD, CapWindowKind.DAY, Action.PAUSE, ZONE.key)
    haiku = KeyLimits(("anthropic",), ("claude-haiku-*",))
    issue_key(
        ledger, name="ci", tags=Tags(project="web-shop"), expires_at=NOW + timedelta(days=11), limits=haiku, cap=cap
    )
    for tags, *_ in reversed(WORK):
        issue_key(ledger, name=f"{tags.agent} on this laptop", tags=Tags(project=tags.project, agent=tags.agent))
