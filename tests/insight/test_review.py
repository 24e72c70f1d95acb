from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from app.core.advice import Advice, AdviceAnswer, Saving
from app.core.call_input import MissCause
from app.core.call_sum import Account, CallSum, MissSum, TaskId
from app.insight.causes import Cause
from app.insight.review import review, task_classes, totals
from app.insight.savings import Followed, Suggestion
from app.insight.wording import done_sentences, followed_sentence, suggestion_sentence
from tests.insight.sums import CARD, any_account


def sums_of(name: str, calls: int, cost: int, *, agent: str = "claude", **more: int) -> CallSum:
    return CallSum(TaskId(name, "", agent, "shop"), "anthropic", "opus", calls, cost_nano_usd=cost, **more)  # type: ignore[arg-type]


WEEK = [
    sums_of("a", 1, 100),
    sums_of("b", 4, 400),
    sums_of("c", 50, 9_000, input_tokens=1_000, cache_read_tokens=900, unpriced_calls=2),
    sums_of("d", 3, 30, agent="codex", failed_calls=2, failed_nano_usd=7, paid_failures=1),
    sums_of("", 6, 60, agent="codex"),
]
BEFORE = [sums_of("z", 10, 5_000)]


def test_a_week_is_counted_by_tasks_and_calls_and_set_against_the_one_before() -> None:
    found = review(Account(tuple(WEEK)), Account(tuple(BEFORE)), CARD)
    assert (found.now.tasks, found.now.calls, found.now.cost_nano_usd) == (4, 68, 9_597)
    assert (found.before.tasks, found.before.per_task_nano_usd) == (1, 5_000)
    assert (found.now.unpriced_calls, found.now.failed_calls, found.now.calls - found.now.task_calls) == (2, 2, 6)
    assert found.now.per_task_nano_usd == 9_537 // 4
    assert (found.now.cached_percent, found.before.cached_percent) == (90, None)
    assert [(week.agent, week.now.tasks, week.before.cost_nano_usd) for week in found.agents] == [
        ("claude", 3, 5_000),
        ("codex", 1, 0),
    ]


def test_tasks_are_classed_by_how_many_calls_they_took() -> None:
    found = [(one.least, one.most, one.tasks, one.calls, one.cost_nano_usd) for one in task_classes(WEEK)]
    assert found == [
        (1, 1, 1, 1, 100), (2, 5, 2, 9, 437), (6, 20, 0, 0, 0), (21, 100, 1, 52, 9_000), (101, None, 0, 0, 0),
    ]  # fmt: skip


def test_the_dearest_tasks_come_first_with_their_reason() -> None:
    found = review(Account(tuple(WEEK)), Account(tuple(BEFORE)), CARD).top
    assert [(one.task.name, one.cost_nano_usd, one.mean_nano_usd) for one in found] == [
        ("c", 9_000, 250), ("b", 400, 4_550), ("a", 100, 4_700),
    ]  # fmt: skip
    assert sum(part.nano_usd for part in found[0].parts) == 9_000 - 250
    bare = review(Account((sums_of("a", 1, 100), sums_of("c", 50, 9_000))), Account(), CARD).top[0]
    assert [part.cause for part in bare.parts] == [Cause.CALLS, Cause.PRICE]
    alone = review(Account((sums_of("d", 3, 30, agent="codex"),)), Account(), CARD).top[0]
    assert (alone.mean_nano_usd, alone.parts, alone.models) == (None, (), ("opus",))


def test_only_what_is_exact_is_suggested() -> None:
    written = 600 * 6_250 + 400 * 10_000 + 10 * 25_000
    unread = sums_of(
        "e", 2, written, input_tokens=1_000, cache_write_tokens=1_000, cache_write_1h_tokens=400, output_tokens=10
    )
    paid = review(Account((*WEEK, unread)), Account(), CARD).suggestions
    assert [(one.kind, one.saved_nano_usd, one.count) for one in paid] == [
        (Saving.UNREAD_CACHE, 600 * 1_250 + 400 * 5_000, 1),
        (Saving.PAID_FAILURES, 7, 1),
    ]
    read = replace(unread, cache_read_tokens=1)
    discounted = replace(unread, cost_nano_usd=written - 3)
    assert review(Account((read,)), Account(), CARD).suggestions == ()
    assert review(Account((discounted,)), Account(), CARD).suggestions == ()
    assert "1 call that failed" in suggestion_sentence(paid[1])


def test_what_caches_lost_is_suggested_by_project_and_looked_at_again_a_week_later() -> None:
    task = sums_of("a", 9, 10_000_000_000)

    def week(**lost: int) -> Account:
        causes = {"system": MissCause.SYSTEM, "gone": MissCause.EXPIRED, "odd": MissCause.UNKNOWN}
        return Account(
            (task,), (), tuple(MissSum(task.kin, causes[why], 3, 9, 0, 0, nano) for why, nano in lost.items())
        )

    found = review(week(system=1_000_000_000, odd=7), week(system=3_000_000_000, gone=500_000_000), CARD)
    assert found.suggestions == (Suggestion(Saving.SYSTEM, 1_000_000_000, 3, "shop"),)
    assert suggestion_sentence(found.suggestions[0]) == (
        "Keep the system prompt as it is while a session runs in shop: $1.00 in 3 calls."
    )
    assert found.followed == (
        Followed(Suggestion(Saving.SYSTEM, 3_000_000_000, 3, "shop"), 2_000_000_000),
        Followed(Suggestion(Saving.EXPIRED, 500_000_000, 3, "shop"), 500_000_000),
    )
    assert followed_sentence(found.followed) == (
        "Of the $3.50 that could have been saved the week before, $2.50 was saved in this one."
    )
    assert followed_sentence(()) == ""


@given(st.lists(any_account(), max_size=6))
def test_no_call_and_no_nano_dollar_is_lost(weeks: list[Account]) -> None:
    week = [
        replace(one, task=TaskId(f"t{number}", "", f"a{number % 2}", ""))
        for number, some in enumerate(weeks)
        for one in some.sums
    ]
    found = review(Account(tuple(week)), Account(), CARD)
    assert sum(agent.now.cost_nano_usd for agent in found.agents) == found.now.cost_nano_usd
    classed = [one for agent in found.agents for one in agent.classes]
    assert sum(one.cost_nano_usd for one in classed) <= found.now.cost_nano_usd
    counted = [one for one in week if one.all_calls]
    assert sum(one.calls for one in classed) == sum(one.all_calls for one in counted) == totals(counted).calls


def test_what_was_answered_is_not_suggested_again_and_what_is_done_is_followed_up() -> None:
    task = sums_of("a", 9, 10_000_000_000)

    def week(system: int, gone: int) -> Account:
        lost = ((MissCause.SYSTEM, system), (MissCause.EXPIRED, gone))
        return Account((task,), (), tuple(MissSum(task.kin, cause, 3, 9, 0, 0, nano) for cause, nano in lost))

    at = datetime(2026, 11, 2, tzinfo=UTC)
    done = Advice(Saving.SYSTEM, "shop", AdviceAnswer.DONE, 3_000_000_000, at)
    declined = Advice(Saving.EXPIRED, "shop", AdviceAnswer.DECLINED, 500_000_000, at)
    now, last = week(1_000_000_000, 500_000_000), week(2_000_000_000, 500_000_000)
    found = review(now, last, CARD, said=(done, declined))
    assert found.suggestions == ()
    assert found.followed == (Followed(Suggestion(Saving.SYSTEM, 3_000_000_000, 0, "shop"), 2_000_000_000, True),)
    assert followed_sentence(found.followed) == ""
    assert done_sentences(found.followed) == (
        "Done: Keep the system prompt as it is while a session runs in shop. It saved $2.00 of $3.00 a week.",
    )
    elsewhere = review(now, last, CARD, said=(replace(declined, project="web"),))
    assert [one.kind for one in elsewhere.suggestions] == [Saving.SYSTEM, Saving.EXPIRED]
