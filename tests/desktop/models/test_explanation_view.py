from datetime import UTC, datetime

from app.core.origin import Origin
from app.core.session import PartSum, Session, SessionId
from app.desktop.models.explanation_view import _NAMES, _WISHES, explanation_view
from app.insight.causes import Cause
from app.insight.explain import explain
from app.insight.sides import Side
from app.services.explanations import Against, SessionExplanation

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ONE = Session(
    SessionId("s", "Codex", "shop", "fix it"), (PartSum(Origin(), NOW, 47, cost_nano_usd=1_500_000_000),), NOW
)


def explained(mine: int, other: int, tasks: int = 9) -> SessionExplanation:
    found = explain(Side(cost_nano_usd=mine), Side(cost_nano_usd=other))
    return SessionExplanation(ONE, Against.TYPICAL, found, None, tasks, (), has_last_run=False)


def test_every_cause_has_a_name_and_calls_to_open() -> None:
    assert set(_NAMES) == set(_WISHES) == set(Cause)


def test_the_waterfall_leads_from_the_typical_cost_to_this_one() -> None:
    view = explanation_view(explained(1_500_000_000, 300_000_000))
    assert (view.title, view.base, view.place, view.calls) == (
        "Why it cost $1.50",
        "Typical Codex task",
        "Codex, shop",
        47,
    )
    assert view.sentences[0] == "5 times the typical task of Codex, the mean of 9."
    at = view.base_nano_usd
    for term in view.terms:
        assert term.starts_at == at
        at += term.nano_usd
    assert at == view.whole_nano_usd == 1_500_000_000
    assert "More calls" in view.as_text()
    assert "+$1.20" in view.as_text()


def test_less_more_and_the_same_are_told_apart() -> None:
    assert explanation_view(explained(400, 300)).sentences[0].startswith("<$0.01 more than")
    assert explanation_view(explained(10**9, 3 * 10**9)).sentences[0].startswith("$2.00 less than")
    assert explanation_view(explained(7, 7)).sentences == ("As much as the typical task of Codex, the mean of 9.",)
    assert explanation_view(explained(7, 7)).terms == ()
    assert explanation_view(explained(10**9, 0)).sentences[0].startswith("$1.00 more than")
    assert explanation_view(explained(10**9, 3 * 10**9)).terms[0].amount == "−$2.00"


def test_without_enough_tasks_the_cost_itself_is_shown() -> None:
    view = explanation_view(SessionExplanation(ONE, Against.TYPICAL, None, None, 4, (), has_last_run=False))
    assert (view.title, view.base, [term.amount for term in view.terms]) == ("It cost $1.50", "", ["$1.50"])
    assert view.sentences[0].startswith("Fewer than 5 tasks")
