"""A lead answers from their own tray: once, for a session, by raising the cap; and what happens when nobody does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.core.caps import Action, Answer, Cap
from app.core.errors import InvalidInput, TeamRefused
from app.core.reservations import Draft, Obstacle
from app.core.team import Asked
from app.ledger.approval_store import ApprovalState
from app.ledger.team.ledger import TeamLedger
from tests.ledger.bookkeeping import make_draft
from tests.ledger.team.conftest import Team, hears
from tests.ledger.team.test_team_ledger import ended, money, set_cap

FREE_S = 60.0


def reach(lee: TeamLedger, ann: TeamLedger, **values: object) -> tuple[Cap, Draft, Obstacle]:
    """A cap with 10 left, and a call for 20 that it keeps back."""
    cap = set_cap(lee, 100, action=Action.PAUSE, **values)
    spent = make_draft(90)
    ann.reserve([Asked(spent, "m")])
    ann.settle([ended(spent, 90)])
    draft = make_draft(20, session="s", virtual_key_id="k")
    [verdict] = ann.reserve([Asked(draft, "m")])
    return cap, draft, verdict.obstacles[0]


def test_an_approved_call_goes_once_and_only_at_the_amount_that_was_asked_for(ann: TeamLedger, lee: TeamLedger) -> None:
    cap, draft, obstacle = reach(lee, ann)
    excused = frozenset({obstacle.window})
    assert not ann.reserve([Asked(draft, "m", excused)])[0].is_admitted, "a laptop's word is not believed"
    asked = ann.ask(draft, obstacle, "m", FREE_S)
    assert ann.states([asked]) == {asked: ApprovalState.WAITING}
    [question] = lee.waiting()
    assert (question.approval_id, question.cap_id, question.worst_nano_usd) == (asked, cap.cap_id, 20)
    assert (question.spent_nano_usd, question.limit_nano_usd) == (90, 100)

    lee.answer(asked, Answer.APPROVE)

    assert ann.states([asked]) == {asked: ApprovalState.APPROVED}
    more = replace(draft, worst_nano_usd=21)
    assert not ann.reserve([Asked(more, "m", excused)])[0].is_admitted
    assert not ann.reserve([Asked(make_draft(20, session="s"), "m", excused)])[0].is_admitted
    assert ann.reserve([Asked(draft, "m", excused)])[0].is_admitted
    assert money(lee, cap) == (90, 20)
    assert [one.answered_by for one in lee.answered()] == ["lee"]


def test_a_question_misleads_nobody(ann: TeamLedger, lee: TeamLedger) -> None:
    _cap, draft, obstacle = reach(lee, ann)
    draft = replace(draft, provider="a\u202eb\nc", tags=replace(draft.tags, project="x\u202ey\n" * 200))
    ann.ask(draft, replace(obstacle, cap_name="Nothing to see", spent_nano_usd=0, limit_nano_usd=10**15), "m", FREE_S)

    [question] = lee.waiting()
    assert (question.cap_name, question.spent_nano_usd, question.limit_nano_usd) == ("Everything, in total", 90, 100)
    assert (question.provider, question.tags.user) == ("a b c", "ann")
    assert question.tags.project.isprintable()
    assert len(question.tags.project) <= 200


def test_a_refused_call_stays_where_it_is_and_is_answered_once(ann: TeamLedger, lee: TeamLedger) -> None:
    _cap, draft, obstacle = reach(lee, ann)
    asked = ann.ask(draft, obstacle, "m", FREE_S)
    lee.answer(asked, Answer.REFUSE)

    assert ann.states([asked]) == {asked: ApprovalState.REFUSED}
    assert not ann.reserve([Asked(draft, "m", frozenset({obstacle.window}))])[0].is_admitted
    with pytest.raises(InvalidInput):
        lee.answer(asked, Answer.APPROVE)
    with pytest.raises(TeamRefused):
        ann.answer(asked, Answer.APPROVE)


def test_a_session_that_was_let_go_passes_with_its_later_calls_and_no_other_does(
    team: Team, ann: TeamLedger, lee: TeamLedger
) -> None:
    _cap, draft, obstacle = reach(lee, ann)
    asked = [ann.ask(one, obstacle, "m", FREE_S) for one in (draft, make_draft(5, session="s", virtual_key_id="k"))]
    lee.answer(asked[0], Answer.APPROVE, for_session=True)

    assert set(ann.states(asked).values()) == {ApprovalState.APPROVED}
    assert ann.reserve([Asked(make_draft(30, session="s", virtual_key_id="k"), "m")])[0].is_admitted
    assert not ann.reserve([Asked(make_draft(30, session="t", virtual_key_id="k"), "m")])[0].is_admitted
    of_another = Asked(make_draft(30, session="s", virtual_key_id="k"), "m")
    assert not team.enter("bob").reserve([of_another])[0].is_admitted


def test_a_raise_makes_room_until_its_time_is_over(team: Team, ann: TeamLedger, lee: TeamLedger) -> None:
    cap, draft, obstacle = reach(lee, ann)
    asked = ann.ask(draft, obstacle, "m", FREE_S)
    ann.listen()
    lee.raise_window(cap.cap_id, obstacle.window_key, 10, until=datetime.now(UTC) + timedelta(days=1))

    assert hears(ann, "room")
    assert ann.reserve([Asked(draft, "m")])[0].is_admitted
    ann.close_questions([asked], ApprovalState.MOOT)
    assert lee.waiting() == []
    with pytest.raises(InvalidInput):
        lee.raise_window(cap.cap_id, "2020-01-01", 10)
    with team.site.cluster.connect(team.database) as server:
        server.execute("UPDATE bursar.raises SET until = now()")
    assert not ann.reserve([Asked(make_draft(1), "m")])[0].is_admitted
    [total] = [one for one in lee.totals() if one.cap_id == cap.cap_id]
    assert (total.held_nano_usd, total.limit_nano_usd) == (20, 100), "what was let go stays held"


def test_questions_end_by_themselves(ann: TeamLedger, lee: TeamLedger) -> None:
    _cap, draft, obstacle = reach(lee, ann)
    late = ann.ask(draft, obstacle, "m", 0)
    assert lee.waiting() == []
    assert ann.states([late]) == {late: ApprovalState.EXPIRED}
    again = ann.ask(draft, obstacle, "m", 0)
    ann.postpone(again, draft.call_id, FREE_S)
    assert ann.states([again]) == {again: ApprovalState.WAITING}
    ann.close_questions([again], ApprovalState.GONE)
    assert ann.states([again]) == {again: ApprovalState.GONE}


def test_an_answer_goes_with_the_request_that_is_sent_again_and_is_used_once(
    team: Team, ann: TeamLedger, lee: TeamLedger
) -> None:
    _cap, draft, obstacle = reach(lee, ann)
    excused = frozenset({obstacle.window})
    asked = ann.ask(draft, obstacle, "m", FREE_S)
    again, third = make_draft(20, session="s"), make_draft(20, session="s")
    team.enter("bob").postpone(asked, third.call_id, FREE_S)
    ann.postpone(asked, again.call_id, FREE_S)
    lee.answer(asked, Answer.APPROVE)

    assert not ann.reserve([Asked(draft, "m", excused)])[0].is_admitted
    assert ann.reserve([Asked(again, "m", excused)])[0].is_admitted
    ann.postpone(asked, third.call_id, FREE_S)
    assert not ann.reserve([Asked(third, "m", excused)])[0].is_admitted


def test_a_cap_answers_for_leads_that_say_nothing(team: Team, ann: TeamLedger, lee: TeamLedger) -> None:
    _cap, draft, obstacle = reach(lee, ann, default_answer=Answer.APPROVE, answer_after_s=1)
    assert obstacle.default_answer is Answer.APPROVE
    asked = ann.ask(draft, obstacle, "m", FREE_S)
    with team.site.cluster.connect(team.database) as server:
        server.execute("UPDATE bursar.approvals SET default_at = now()")

    assert ann.states([asked]) == {asked: ApprovalState.APPROVED}
    assert ann.reserve([Asked(draft, "m", frozenset({obstacle.window}))])[0].is_admitted


def test_nobody_is_asked_about_a_cap_that_blocks(ann: TeamLedger, lee: TeamLedger) -> None:
    cap, draft, obstacle = reach(lee, ann)
    lee.set_cap(replace(cap, action=Action.BLOCK))

    with pytest.raises(InvalidInput):
        ann.ask(draft, obstacle, "m", FREE_S)


def test_a_lead_hears_of_a_question_at_once(ann: TeamLedger, lee: TeamLedger) -> None:
    _cap, draft, obstacle = reach(lee, ann)
    lee.listen()
    ann.ask(draft, obstacle, "m", FREE_S)

    assert hears(lee, "question")
