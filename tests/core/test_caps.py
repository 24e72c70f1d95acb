from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.caps import Action, Cap, Payer, cap_name, scope_value
from app.core.tags import Billing, Scope, Tags
from app.core.windows import Window

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TAGS = Tags("billing-api", "Claude Code", "ada", "core", "invoices", "s1", "key1")
PAYER = Payer(TAGS, "anthropic", "opus")
VALUES = {
    Scope.USER: "ada",
    Scope.TEAM: "core",
    Scope.PROJECT: "billing-api",
    Scope.AGENT: "Claude Code",
    Scope.TASK: "invoices",
    Scope.SESSION: "s1",
    Scope.VIRTUAL_KEY: "key1",
    Scope.PROVIDER: "anthropic",
    Scope.MODEL: "opus",
}


def cap(scope: Scope = Scope.EVERYTHING, key: str = "", window: Window = Window.DAY) -> Cap:
    return Cap("c1", scope, key, window, 1_000)


def test_every_scope_but_everything_has_a_value() -> None:
    assert {scope: scope_value(scope, PAYER) for scope in Scope} == {Scope.EVERYTHING: "", **VALUES}


@pytest.mark.parametrize("scope", VALUES)
def test_a_cap_applies_to_its_own_label_and_to_no_other(scope: Scope) -> None:
    assert cap(scope, VALUES[scope]).applies_to(PAYER)
    assert cap(scope, "*").applies_to(PAYER)
    assert not cap(scope, VALUES[scope].upper() + "x").applies_to(PAYER)


@pytest.mark.parametrize("scope", VALUES)
def test_a_cap_says_nothing_of_calls_without_that_label(scope: Scope) -> None:
    nobody = Payer(Tags(), "", "")
    assert not cap(scope, VALUES[scope]).applies_to(nobody)
    assert not cap(scope, "*").applies_to(nobody)
    assert cap().applies_to(nobody)


def test_a_session_cap_needs_a_session() -> None:
    assert cap(window=Window.SESSION).applies_to(PAYER)
    assert not cap(window=Window.SESSION).applies_to(Payer(Tags(project="p"), "anthropic", "opus"))


def test_a_cap_for_each_has_a_window_for_each() -> None:
    span = cap(Scope.AGENT, "*").span(NOW, PAYER)
    assert span.key == "2026-11-22|Claude Code"
    assert span.starts_at == datetime(2026, 11, 22, tzinfo=UTC)
    assert cap(Scope.AGENT, "Claude Code").span(NOW, PAYER).key == "2026-11-22"


label = st.text(alphabet="ab|\\:", min_size=1, max_size=6)


@given(label, label, label, label)
def test_two_payers_share_a_window_only_when_they_are_the_same(task1: str, one: str, task2: str, two: str) -> None:
    each = cap(Scope.TASK, "*", Window.SESSION)
    keys = [
        each.span(NOW, Payer(Tags(task=task, session=session), "", "")).key
        for task, session in ((task1, one), (task2, two))
    ]
    assert (keys[0] == keys[1]) == ((task1, one) == (task2, two))


@pytest.mark.parametrize(
    ("action", "is_hard", "asks"),
    [(Action.PAUSE, True, True), (Action.BLOCK, True, False), (Action.ALERT, False, False)],
)
def test_only_alert_caps_stop_nothing_and_only_pause_asks(action: Action, is_hard: bool, asks: bool) -> None:
    made = Cap("c1", Scope.EVERYTHING, "", Window.DAY, 1, action)
    assert (made.is_hard, made.asks_person) == (is_hard, asks)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (cap(window=Window.MONTH), "Everything, this month"),
        (cap(Scope.PROJECT, "billing-api"), "billing-api, today"),
        (cap(Scope.AGENT, "*", Window.WEEK), "Each agent, this week"),
        (cap(Scope.VIRTUAL_KEY, "*", Window.TOTAL), "Each virtual key, in total"),
        (cap(Scope.TASK, "invoices", Window.SESSION), "invoices, each session"),
    ],
)
def test_a_cap_has_the_name_people_call_it_by(made: Cap, name: str) -> None:
    assert cap_name(made) == name


def test_a_cap_counts_what_a_subscription_pays_only_where_it_says_so() -> None:
    covered = replace(PAYER, billing=Billing.SUBSCRIPTION)
    money, both = cap(), replace(cap(), counts_subscriptions=True)
    assert [one.applies_to(payer) for one in (money, both) for payer in (PAYER, covered)] == [True, False, True, True]
