"""A sample ledger in which everything is as long, as odd and as dear as it may be.

Names of 200 characters without a space, emoji, right-to-left scripts, line breaks and mark-up; amounts from a millionth
of a dollar to nine digits; calls without a price; keys with labels as long as labels are let be.
"""

import random
from datetime import timedelta

from app.core.money import NANO_PER_USD
from app.core.provider_keys import KeyName, Trial
from app.core.tags import Scope, Tags
from app.core.windows import Window as CapWindow
from app.keys.issue import issue_key
from app.ledger import cap_store, provider_key_store
from app.ledger.engine import Ledger
from sample_ledgers import NOW, SEED, ZONE, ask, write_call

LONG = "a-name-that-a-generator-made-" * 7
TWO_HUNDRED = LONG[:200]
ABSURD = Tags(
    "a-project-whose-name-was-made-by-a-generator-and-nobody-ever-read-it-before-it-was-committed-to-main",
    "<b>Agent</b> & Sons, the one with the very long name that goes on & on",
    "user", "team", "Ünïcödé task 任务 мир with a title as long as a paragraph, since it is a paragraph", "s-9",
)  # fmt: skip
UNSPACED = Tags(TWO_HUNDRED, TWO_HUNDRED, TWO_HUNDRED, TWO_HUNDRED, TWO_HUNDRED, TWO_HUNDRED)
EMOJI = Tags("🚀🔥 shipping 🚢", "🤖 robot 👩‍💻", "🧑‍🚀", "🏴‍☠️", "fix the 🐛 in the 🧪, then 🎉", "s-🦊")
RIGHT_TO_LEFT = Tags("مشروع الفواتير", "סוכן הקוד", "مستخدم", "فريق", "إصلاح إعادة المحاولة عند 429", "جلسة-1")
BROKEN = Tags("first line\nsecond line", "agent\r\nof two lines", "u\tser", "team", "one\n\n\ntwo\nthree", "s\nbroken")
NAMELESS = Tags("", "", "", "", "", "")
_CALLS = (
    (UNSPACED, "openai", "gpt-" + "9" * 120, 1_234_567_890_000),
    (EMOJI, "anthropic", "claude-🧠-4-5", 9_876_540_000_000),
    (RIGHT_TO_LEFT, "google", "gemini-2.5-pro", 123_456_789_012_345_678),
    (BROKEN, "openai", "gpt-5\nmini", 1_999_995_000_000),
    (NAMELESS, "openai", "gpt-5-mini", 1_000),
)


def fill_absurd(ledger: Ledger, meter: str) -> None:
    """Names as long as they may be, nine digits of dollars, calls without a price, many that wait."""
    dice = random.Random(SEED)
    huge = 987_654 * NANO_PER_USD
    cap = cap_store.add_cap(
        ledger, scope=Scope.PROJECT, scope_key=ABSURD.project, window=CapWindow.MONTH,
        limit_nano_usd=130 * huge + huge // 3, time_zone=ZONE.key,
    )  # fmt: skip
    for tags, _provider, _model, cost in _CALLS[:4]:
        cap_store.add_cap(
            ledger, scope=Scope.PROJECT, scope_key=tags.project, window=CapWindow.MONTH, time_zone=ZONE.key,
            limit_nano_usd=max(1, cost * 3),
        )  # fmt: skip
    for number in reversed(range(130)):
        at = NOW - timedelta(seconds=4 * number + 4)
        write_call(ledger, meter, (ABSURD, "openai", "gpt-" + "9" * 60), at, huge, dice)
    for number, (tags, provider, model, cost) in enumerate(_CALLS):
        for back in (0, 1, 5):
            at = NOW - timedelta(days=back, seconds=30 * number + 3)
            write_call(ledger, meter, (tags, provider, model), at, cost, dice)
    write_call(ledger, meter, (ABSURD, "openai", "nobody-priced-this"), NOW - timedelta(seconds=2), None, dice)
    fill_absurd_keys(ledger)
    for number in range(5):
        tags = Tags(ABSURD.project, f"{ABSURD.agent} {number}", "", "", ABSURD.task, f"s-{number}")
        ask(ledger, meter, (tags, "openai", "gpt-9", 0), cap.cap_id, huge // 2, timedelta(minutes=number))


def fill_absurd_keys(ledger: Ledger) -> None:
    """Virtual keys and provider keys with such names, one of them for many projects."""
    for tags in (ABSURD, UNSPACED, EMOJI, RIGHT_TO_LEFT, BROKEN):
        issue_key(ledger, name="the key of " + tags.agent, tags=tags)
    for label in ("a label as long as a label is let be here", "", "team"):
        provider_key_store.note_provider_key(ledger, KeyName("cloudflare", label[:40]), NOW)
    for number in range(9):
        project = f"{ABSURD.project} {number}"
        provider_key_store.set_project_key(ledger, project, KeyName("cloudflare", "team"))
    provider_key_store.note_trial(ledger, KeyName("cloudflare", "team"), Trial.UNREACHABLE, NOW)
