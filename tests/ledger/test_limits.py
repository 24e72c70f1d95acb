"""Raises that end, leave for a session, default answers, stops, dry runs, and holds by experience."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.caps import Action, Answer, Cap, Hold, Mode
from app.core.errors import InvalidInput
from app.core.reservations import Draft, Refusal, Verdict
from app.core.tags import Scope
from app.core.usage import Usage
from app.ledger.admission import admit, probe
from app.ledger.approval_store import (
    ApprovalState,
    answer_by_default,
    answered,
    approve_session,
    ask,
    state_of,
    waiting,
)
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.experience import FEWEST, learned_bound, likely_output
from app.ledger.holding import FEWEST_TOKENS, extend
from app.ledger.meter_state import cuts_everything, pause_everything, resume
from app.ledger.observation_store import count_observations, observations_of
from app.ledger.raise_store import live_raises, raise_by
from app.ledger.session_store import list_stopped_sessions, note_cut, pause_session, resume_session, stop_session
from app.ledger.survey import Waiting, worth_a_look
from app.ledger.verification import verify_ledger
from tests.ledger.bookkeeping import end, make_draft, money_in, reserve, set_cap, spend_money, status_of

NANO_PER_TOKEN = 2


def quote(tokens: int) -> int:
    return 1_000 + tokens * NANO_PER_TOKEN


def admitted(ledger: Ledger, draft: Draft, *, can_fit: bool = False) -> Verdict:
    with ledger.write() as connection:
        caps = read_caps(connection)
        return admit(connection, caps, draft, instance_id="meter", quote=quote, can_fit=lambda: can_fit)


def asked(ledger: Ledger, draft: Draft) -> str:
    verdict = reserve(ledger, draft)
    with ledger.write() as connection:
        return ask(connection, draft, verdict.obstacles[0], "meter", draft.at + timedelta(hours=1))


def used_up(ledger: Ledger, **values: object) -> Cap:
    cap = set_cap(ledger, 100, action=Action.PAUSE, **values)
    spend_money(ledger, 100, session="earlier")
    return cap


def test_a_raise_ends_at_its_time_and_what_it_let_through_stays(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    now = datetime.now(UTC)
    raise_by(ledger, cap.cap_id, "total", 50, until=now + timedelta(hours=1), by="me")
    assert [one.amount_nano_usd for one in live_raises(ledger, cap.cap_id)] == [50]
    assert reserve(ledger, make_draft(140, at=now)).is_admitted
    late = make_draft(1, at=now + timedelta(hours=2))
    assert reserve(ledger, late).obstacles[0].limit_nano_usd == 100
    assert money_in(ledger, cap) == (0, 140)
    assert verify_ledger(ledger).differences == ()


@pytest.mark.parametrize(("amount", "hours"), [(0, None), (-1, None), (10, 0)])
def test_no_raise_at_all_is_refused(ledger: Ledger, amount: int, hours: int | None) -> None:
    cap = set_cap(ledger, 100)
    until = None if hours is None else datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(InvalidInput):
        raise_by(ledger, cap.cap_id, "total", amount, until=until)


def test_leave_for_a_session_lets_all_its_calls_pass_and_nobody_elses(ledger: Ledger) -> None:
    used_up(ledger)
    mine = [make_draft(30, session="s", virtual_key_id="k") for _ in range(2)]
    others = make_draft(30, session="s", virtual_key_id="other")
    first, second, third = (asked(ledger, draft) for draft in (*mine, others))
    approve_session(ledger, first, by="me")
    assert {one.approval_id for one in waiting(ledger)} == {third}
    assert {one.approval_id for one in answered(ledger)} == {first, second}
    for _ in range(3):
        assert reserve(ledger, make_draft(30, session="s", virtual_key_id="k")).is_admitted
    assert not reserve(ledger, make_draft(30, session="s", virtual_key_id="other")).is_admitted
    assert not reserve(ledger, make_draft(30, session="t", virtual_key_id="k")).is_admitted


def test_leave_for_a_session_does_not_reach_another_cap(ledger: Ledger) -> None:
    used_up(ledger)
    approve_session(ledger, asked(ledger, make_draft(30, session="s")), by="me")
    set_cap(ledger, 110, scope=Scope.AGENT, scope_key="*")
    draft = make_draft(120, session="s", agent="a")
    assert [one.cap_name for one in reserve(ledger, draft).obstacles] == ["Each agent, in total"]


def test_a_call_without_a_session_cannot_be_let_pass_by_it(ledger: Ledger) -> None:
    used_up(ledger)
    question = asked(ledger, make_draft(30))
    with pytest.raises(InvalidInput, match="names no session"):
        approve_session(ledger, question, by="me")
    assert [one.approval_id for one in waiting(ledger)] == [question]


@pytest.mark.parametrize(
    ("answer", "state"), [(Answer.APPROVE, ApprovalState.APPROVED), (Answer.REFUSE, ApprovalState.REFUSED)]
)
def test_a_default_answer_is_given_when_its_time_has_come(ledger: Ledger, answer: Answer, state: ApprovalState) -> None:
    used_up(ledger, default_answer=answer, answer_after_s=60)
    draft = make_draft(30)
    question = asked(ledger, draft)
    assert waiting(ledger)[0].default_at == draft.at + timedelta(seconds=60)
    for seconds, expected in ((59, ApprovalState.WAITING), (60, state)):
        with ledger.write() as connection:
            answer_by_default(connection, "meter", draft.at + timedelta(seconds=seconds))
            assert state_of(connection, question) is expected
    assert answered(ledger)[0].answered_by == "default answer"


def test_without_a_default_answer_a_question_waits(ledger: Ledger) -> None:
    used_up(ledger)
    asked(ledger, make_draft(30))
    with ledger.write() as connection:
        assert answer_by_default(connection, "meter", datetime.now(UTC) + timedelta(days=1)) == 0


def test_a_stopped_session_is_refused_until_it_is_let_go_on(ledger: Ledger) -> None:
    stop_session(ledger, "s", by="me", cuts_streams=True)
    assert [(one.session, one.cuts_streams) for one in list_stopped_sessions(ledger)] == [("s", True)]
    verdict = reserve(ledger, make_draft(1, session="s"))
    assert verdict.is_stopped
    assert not verdict.is_admitted
    assert reserve(ledger, make_draft(1, session="t")).is_admitted
    assert reserve(ledger, make_draft(1)).is_admitted
    resume_session(ledger, "s")
    assert reserve(ledger, make_draft(1, session="s")).is_admitted
    with pytest.raises(InvalidInput, match="No session"):
        stop_session(ledger, "", by="me")
    with pytest.raises(InvalidInput, match="neither stopped nor paused"):
        resume_session(ledger, "s")


def test_a_paused_session_waits_until_it_is_let_go_on_and_no_other_does(ledger: Ledger) -> None:
    pause_session(ledger, "s", by="me")
    verdict = reserve(ledger, make_draft(1, session="s"))
    assert (verdict.is_paused, verdict.is_stopped, verdict.is_admitted) == (True, False, False)
    assert reserve(ledger, make_draft(1, session="t")).is_admitted
    assert reserve(ledger, make_draft(1)).is_admitted
    stop_session(ledger, "s", by="me")
    assert reserve(ledger, make_draft(1, session="s")).is_stopped, "the last order counts"
    pause_session(ledger, "s", by="me")
    held = [Waiting(make_draft(1, session=name), (), "", 1) for name in ("s", "t")]
    with ledger.write() as connection:
        found = worth_a_look(connection, "meter", held, datetime.now(UTC))
    assert found == {held[1].draft.call_id}, "who is paused is not called"
    resume_session(ledger, "s")
    with ledger.write() as connection:
        assert worth_a_look(connection, "meter", held[:1], datetime.now(UTC))
    with pytest.raises(InvalidInput, match="No session"):
        pause_session(ledger, "", by="me")


def test_a_pause_cuts_answers_only_where_that_was_asked(ledger: Ledger) -> None:
    for cuts in (False, True):
        pause_everything(ledger, "me", cuts_streams=cuts)
        with ledger.read() as connection:
            assert cuts_everything(connection) is cuts
    resume(ledger, "me")
    with ledger.read() as connection:
        assert not cuts_everything(connection)


def test_a_dry_run_lets_everything_pass_and_remembers_what_it_would_have_stopped(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100, mode=Mode.OBSERVE)
    first, second, unpriced = make_draft(80), make_draft(80, project="p"), make_draft(None)
    assert reserve(ledger, first).is_admitted
    assert reserve(ledger, second).is_admitted, "others' holds would only have been waited for"
    assert count_observations(ledger, cap.cap_id) == 0
    assert end(ledger, first, 70)
    assert reserve(ledger, make_draft(80, project="q")).is_admitted
    assert reserve(ledger, unpriced).is_admitted
    found = observations_of(ledger, cap.cap_id)
    assert [(one.refusal, one.tags.project, one.spent_nano_usd) for one in found] == [
        (Refusal.UNPRICED, "", 70),
        (Refusal.EXHAUSTED, "q", 70),
    ]


def test_a_dry_run_does_not_tell_of_calls_that_another_cap_stopped(ledger: Ledger) -> None:
    dry = set_cap(ledger, 10, mode=Mode.OBSERVE)
    set_cap(ledger, 20, scope=Scope.AGENT, scope_key="*")
    assert not reserve(ledger, make_draft(50, agent="a")).is_admitted
    assert count_observations(ledger, dry.cap_id) == 0


def learn(ledger: Ledger, *tokens: int) -> None:
    for count in tokens:
        draft = make_draft(10, agent="a")
        assert reserve(ledger, draft).is_admitted
        assert end(ledger, draft, 1, usage=Usage(output_tokens=count))


def test_a_learned_hold_is_what_nearly_all_such_calls_stayed_within(ledger: Ledger) -> None:
    learn(ledger, *range(2_000, 2_000 + FEWEST - 1))
    cap = set_cap(ledger, 1_000_000, hold=Hold.LEARNED)
    draft = make_draft(200_000, agent="a")
    with ledger.read() as connection:
        assert likely_output(connection, draft) is None, "too few calls to conclude anything"
    learn(ledger, 9_000)
    with ledger.read() as connection:
        assert likely_output(connection, draft) == 2_018
        assert likely_output(connection, make_draft(1, agent="b")) is None
    verdict = admitted(ledger, draft)
    assert verdict.held_nano_usd == quote(2_018)
    assert money_in(ledger, cap)[1] == quote(2_018)


@pytest.mark.parametrize("other", [{"hold": Hold.STRICT}, {"hold": Hold.FIT}])
def test_the_strictest_cap_decides_what_is_held(ledger: Ledger, other: dict[str, Hold]) -> None:
    learn(ledger, *[2_000] * FEWEST)
    set_cap(ledger, 1_000_000, hold=Hold.LEARNED)
    set_cap(ledger, 1_000_000, scope=Scope.AGENT, scope_key="*", **other)
    assert admitted(ledger, make_draft(200_000, agent="a")).held_nano_usd == 200_000


def test_a_hold_grows_in_all_windows_or_in_none(ledger: Ledger) -> None:
    wide = set_cap(ledger, 1_000)
    narrow = set_cap(ledger, 120, scope=Scope.AGENT, scope_key="*")
    told = set_cap(ledger, 10, action=Action.ALERT, scope=Scope.PROJECT, scope_key="p")
    draft = make_draft(100, agent="a", project="p")
    assert reserve(ledger, draft).is_admitted
    for more, is_given, held in ((20, True, 120), (1, False, 120)):
        with ledger.write() as connection:
            assert extend(connection, read_caps(connection), draft.call_id, more) is is_given
        assert {money_in(ledger, cap)[1] for cap in (wide, narrow, told) if cap is not narrow} == {held}
        assert status_of(ledger, narrow).held_nano_usd == held
    assert end(ledger, draft, 110)
    with ledger.write() as connection:
        assert not extend(connection, read_caps(connection), draft.call_id, 1), "a call that is over"
    assert verify_ledger(ledger).differences == ()


def test_a_learned_hold_tells_how_far_it_was_passed(ledger: Ledger) -> None:
    learn(ledger, *[2_000] * FEWEST)
    cap = set_cap(ledger, 1_000_000, hold=Hold.LEARNED)
    for cost in (quote(2_000) + 70, quote(2_000) + 30, 10):
        draft = make_draft(200_000, agent="a")
        assert admitted(ledger, draft).is_admitted
        assert end(ledger, draft, cost)
    bound = learned_bound(ledger, cap)
    assert (bound.calls, bound.cut_calls, bound.largest_excess_nano_usd, bound.excess_nano_usd) == (3, 0, 70, 100)


def test_after_a_cut_only_a_call_that_is_paid_for_in_full_goes(ledger: Ledger) -> None:
    learn(ledger, *[2_000] * FEWEST)
    cap = set_cap(ledger, 100_000, hold=Hold.LEARNED, action=Action.PAUSE)
    draft = make_draft(200_000, agent="a", session="s")
    assert admitted(ledger, draft).is_admitted
    assert end(ledger, draft, 5_000, is_certain=False)
    with ledger.write() as connection:
        note_cut(connection, draft.tags, draft.at)
    again = make_draft(200_000, agent="a", session="s")
    assert [one.refusal for one in admitted(ledger, again).obstacles] == [Refusal.CUT]
    assert admitted(ledger, make_draft(200_000, agent="a", session="other")).is_admitted
    raise_by(ledger, cap.cap_id, "total", 1_000_000)
    assert admitted(ledger, again).held_nano_usd == 200_000
    assert admitted(ledger, make_draft(200_000, agent="a", session="s")).held_nano_usd == quote(2_000)


def test_fit_holds_what_is_left_and_says_which_output_limit_that_is(ledger: Ledger) -> None:
    cap = set_cap(ledger, 20_000, hold=Hold.FIT)
    verdict = admitted(ledger, make_draft(200_000), can_fit=True)
    assert verdict.output_limit == (20_000 - 1_000) // NANO_PER_TOKEN
    assert verdict.held_nano_usd == quote(verdict.output_limit) == money_in(ledger, cap)[1]


def test_fit_waits_for_others_before_it_gives_up(ledger: Ledger) -> None:
    set_cap(ledger, 20_000, hold=Hold.FIT)
    running = make_draft(19_000)
    assert reserve(ledger, running).is_admitted
    assert [one.refusal for one in admitted(ledger, make_draft(200_000), can_fit=True).obstacles] == [Refusal.CONTENDED]
    assert end(ledger, running, 19_000)
    assert [one.refusal for one in admitted(ledger, make_draft(200_000), can_fit=True).obstacles] == [Refusal.EXHAUSTED]


@pytest.mark.parametrize("hold", [Hold.STRICT, Hold.LEARNED])
def test_an_output_limit_is_lowered_only_where_the_cap_says_so(ledger: Ledger, hold: Hold) -> None:
    set_cap(ledger, 20_000, hold=hold)
    assert quote(FEWEST_TOKENS) < 20_000
    assert not admitted(ledger, make_draft(200_000), can_fit=True).is_admitted


def test_a_probe_says_the_same_as_the_gate_and_writes_nothing(ledger: Ledger) -> None:
    cap = set_cap(ledger, 100)
    assert reserve(ledger, make_draft(80)).is_admitted
    for worst in (20, 21, 101):
        draft = make_draft(worst)
        with ledger.read() as connection:
            found = probe(connection, read_caps(connection), draft)
        assert money_in(ledger, cap) == (0, 80)
        with ledger.write() as connection:
            told = admit(connection, read_caps(connection), draft, instance_id="meter")
            connection.rollback()
        assert [one.refusal for one in found] == [one.refusal for one in told.obstacles]
