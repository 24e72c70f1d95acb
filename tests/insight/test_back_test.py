from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.core.caps import Cap, Payer
from app.core.history import CostedCall
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.insight.back_test import back_test

AT = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
DAILY = Cap("c", Scope.PROJECT, "shop", Window.DAY, 100, time_zone="Europe/Berlin")


def call(hours: float, cost: int | None, project: str = "shop", session: str = "s") -> CostedCall:
    payer = Payer(Tags(project=project, session=session), "anthropic", "claude-opus-4-8")
    return CostedCall(f"{hours}", AT + timedelta(hours=hours), payer, cost)


def test_a_cap_stops_what_does_not_fit_and_lets_a_smaller_call_go() -> None:
    calls = [call(0, 80), call(0.1, 30), call(0.2, 20), call(0.3, 1), call(0.4, None), call(0.5, 50, project="docs")]
    found = back_test(DAILY, calls)
    (window,) = found.stopped
    assert (window.key, window.spent_nano_usd, window.calls_stopped, window.saved_nano_usd) == (
        "2026-11-20",
        100,
        2,
        31,
    )
    assert window.first_stop_at == AT + timedelta(hours=0.1)
    assert (found.calls, found.cost_nano_usd, found.unpriced_calls, found.windows) == (5, 131, 1, 1)


def test_a_window_begins_anew_by_the_calendar_of_its_zone() -> None:
    assert back_test(DAILY, [call(0, 80), call(1.5, 80)]).stopped == ()
    assert len(back_test(DAILY, [call(-2, 80), call(0.5, 80)]).stopped) == 1


def test_each_project_has_a_window_of_its_own() -> None:
    each = Cap("c", Scope.PROJECT, "*", Window.TOTAL, 100)
    found = back_test(each, [call(0, 90), call(1, 90, project="docs"), call(2, 90, project="docs")])
    assert [(window.key, window.saved_nano_usd) for window in found.stopped] == [("total|docs", 90)]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 80)), max_size=40), st.integers(1, 300))
def test_no_window_passes_the_limit_and_every_nano_dollar_is_spent_or_saved(
    made: list[tuple[int, int]], limit: int
) -> None:
    cap = Cap("c", Scope.EVERYTHING, "", Window.SESSION, limit)
    calls = [call(index, cost, session=str(session % 5)) for index, (cost, session) in enumerate(made)]
    found = back_test(cap, calls)
    assert all(window.spent_nano_usd <= limit for window in found.stopped)
    spent = {str(session): sum(cost for cost, one in made if str(one % 5) == str(session)) for session in range(5)}
    untouched = {f"session:{key}" for key in spent} - {window.key for window in found.stopped}
    passed = sum(window.spent_nano_usd for window in found.stopped)
    passed += sum(spent[key.removeprefix("session:")] for key in untouched)
    assert passed + found.saved_nano_usd == found.cost_nano_usd == sum(cost for cost, _ in made)
