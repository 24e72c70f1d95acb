"""Money is held, charged and given back in a team's ledger, each thing once."""

import pytest

from app.core.caps import Action, Cap, Hold
from app.core.errors import InvalidInput
from app.core.reservations import Draft, Refusal, ReservationState
from app.core.tags import Scope
from app.core.team import Asked, Ended
from app.core.windows import Window
from app.ledger.identifiers import new_id
from app.ledger.team.ledger import TeamLedger
from tests.faults.cells import cell
from tests.ledger.bookkeeping import make_call, make_draft
from tests.ledger.team.conftest import Team, hears


def make_cap(limit: int, **values: object) -> Cap:
    asked: dict[str, object] = {
        "scope": Scope.EVERYTHING,
        "scope_key": "",
        "window": Window.TOTAL,
        "action": Action.BLOCK,
    }
    return Cap(cap_id=new_id(), limit_nano_usd=limit, **(asked | values))  # type: ignore[arg-type]


def set_cap(lead: TeamLedger, limit: int, **values: object) -> Cap:
    cap = make_cap(limit, **values)
    lead.set_cap(cap)
    return cap


def ended(draft: Draft, cost: int | None, charged: int | None = None, **values: object) -> Ended:
    state = values.pop("state", ReservationState.POSTED)
    lease_ids = values.pop("lease_ids", ())
    charge = (cost or 0) if charged is None else charged
    return Ended(make_call(draft, cost, **values), charge, state, lease_ids)  # type: ignore[arg-type]


def money(ledger: TeamLedger, cap: Cap) -> tuple[int, int]:
    return next((one.spent_nano_usd, one.held_nano_usd) for one in ledger.totals() if one.cap_id == cap.cap_id)


def test_money_is_held_charged_and_refused_across_laptops(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100)
    first, second, third = (make_draft(60) for _ in range(3))

    one, two = ann.reserve([Asked(first, "m1"), Asked(second, "m1")])
    assert one.is_admitted
    assert [(o.refusal, o.is_team, o.cap_name) for o in two.obstacles] == [
        (Refusal.CONTENDED, True, "Everything, in total")
    ]
    assert money(lee, cap) == (0, 60)
    ann.settle([ended(first, 50)])
    assert money(lee, cap) == (50, 0)
    [three] = lee.reserve([Asked(third, "m2")])
    assert [o.refusal for o in three.obstacles] == [Refusal.EXHAUSTED]


def test_what_is_asked_or_told_twice_counts_once(ann: TeamLedger, lee: TeamLedger) -> None:
    """As after an answer that got lost: whether the server had done it cannot be told from here."""
    cap = set_cap(lee, 100)
    draft = make_draft(60)
    first, second = ann.reserve([Asked(draft, "m")]), ann.reserve([Asked(draft, "m")])
    assert first == second
    assert money(lee, cap) == (0, 60)
    ann.settle([ended(draft, 40)])
    ann.settle([ended(draft, 50)])
    assert money(lee, cap) == (40, 0)

    [late] = ann.reserve([Asked(draft, "m")])

    assert not late.is_admitted, "it is over"
    ann.release([draft.call_id])
    assert money(lee, cap) == (40, 0)


def test_a_call_that_was_not_sent_leaves_nothing_and_may_come_again(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100)
    draft = make_draft(60)
    ann.reserve([Asked(draft, "m")])
    ann.release([draft.call_id])
    ann.release([draft.call_id])
    assert money(lee, cap) == (0, 0)

    assert ann.reserve([Asked(draft, "m")])[0].is_admitted


@cell("F43", "an older copy of the database was put back", "a call's end is told", "charged as it is told, once")
def test_a_call_that_the_server_knows_nothing_of_is_charged_as_it_is_told(ann: TeamLedger, lee: TeamLedger) -> None:
    """An older copy of the database was put back: the hold is gone, the bill is not."""
    cap = set_cap(lee, 100, window=Window.DAY)
    draft = make_draft(60)
    ann.settle([ended(draft, 45)])
    ann.settle([ended(draft, 45)])

    assert money(lee, cap) == (45, 0)


def test_a_call_whose_end_is_unknown_carries_what_was_held_and_a_void_one_nothing(
    ann: TeamLedger, lee: TeamLedger
) -> None:
    cap = set_cap(lee, 1000)
    cut, void = make_draft(60), make_draft(60)
    ann.reserve([Asked(cut, "m"), Asked(void, "m")])
    assert ann.extend(cut.call_id, 40)
    ann.settle(
        [
            ended(cut, None, 100, state=ReservationState.UNCERTAIN),
            ended(void, 0, state=ReservationState.VOIDED),
        ]
    )

    [total] = [one for one in lee.totals() if one.cap_id == cap.cap_id]
    assert (total.spent_nano_usd, total.held_nano_usd, total.unpriced_calls) == (100, 0, 1)


def test_a_hold_grows_in_all_its_windows_or_in_none(ann: TeamLedger, lee: TeamLedger) -> None:
    tight = set_cap(lee, 100)
    wide = set_cap(lee, 1000, window=Window.DAY)
    draft = make_draft(60)
    ann.reserve([Asked(draft, "m")])

    assert ann.extend(draft.call_id, 40)
    assert not ann.extend(draft.call_id, 1)
    assert [money(lee, cap) for cap in (tight, wide)] == [(0, 100), (0, 100)]
    with pytest.raises(InvalidInput):
        ann.extend(draft.call_id, 0)


def test_waiting_calls_are_told_when_there_is_room_and_nobody_is_told_when_none_waits(
    ann: TeamLedger, lee: TeamLedger
) -> None:
    set_cap(lee, 100)
    first, second = make_draft(60), make_draft(60)
    ann.reserve([Asked(first, "m")])
    lee.listen()
    lee.reserve([Asked(second, "m2")])
    ann.settle([ended(first, 10)])

    assert hears(lee, "room")
    lee.reserve([Asked(second, "m2")])
    lee.settle([ended(second, 10)])
    assert lee.listen(0.2) == frozenset()


def test_an_alert_is_told_once_for_each_window(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100, action=Action.ALERT, alert_percents=(50, 80))
    for cost in (45, 10, 30):
        draft = make_draft(cost)
        assert ann.reserve([Asked(draft, "m")])[0].is_admitted
        ann.settle([ended(draft, cost)])

    told = ann.alerts_after(0)
    assert [(one.percent, one.spent_nano_usd, one.cap_id) for one in told] == [
        (50, 55, cap.cap_id),
        (80, 85, cap.cap_id),
    ]
    assert told[0].cap_name == "Everything, in total"
    assert ann.alerts_after(told[0].alert_id) == told[1:]


def test_a_cap_of_each_person_and_of_the_team_cannot_be_dodged_by_a_label(ann: TeamLedger, lee: TeamLedger) -> None:
    mine = set_cap(lee, 100, scope=Scope.USER, scope_key="ann")
    ours = set_cap(lee, 100, scope=Scope.TEAM, scope_key="payments")
    ann.reserve([Asked(make_draft(60, user="bob", team="ops"), "m")])

    assert [money(lee, cap) for cap in (mine, ours)] == [(0, 60), (0, 60)]


def test_a_lead_ends_what_a_lost_laptop_holds_and_a_member_only_the_own(
    team: Team, ann: TeamLedger, lee: TeamLedger
) -> None:
    cap = set_cap(lee, 100)
    ann.reserve([Asked(make_draft(60), "lost")])
    bob = team.enter("bob")
    with pytest.raises(InvalidInput):
        bob.abandon("lost", "ann")
    (held,) = lee.held()
    assert (held.member, held.instance_id, held.calls, held.held_nano_usd) == ("ann", "lost", 1, 60)
    assert ann.held() == [held]
    assert bob.held() == [], "whose calls they are is not for every member to see"

    assert lee.abandon("lost", "ann") == 1
    assert lee.abandon("lost", "ann") == 0
    assert lee.held() == []
    assert money(lee, cap) == (60, 0), "it may have been answered, and billed"


@pytest.mark.parametrize(
    "values",
    [{"hold": Hold.LEARNED}, {"hold": Hold.FIT}, {"time_zone": "UTC+3"}, {"scope_key": "x"}, {"week_start": 7}],
)
def test_a_cap_that_a_team_cannot_keep_is_refused_with_words(lee: TeamLedger, values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        lee.set_cap(make_cap(10, **values))
    assert lee.caps() == []


def test_a_second_cap_of_the_same_is_refused(lee: TeamLedger) -> None:
    set_cap(lee, 10)
    with pytest.raises(InvalidInput, match="Another cap"):
        set_cap(lee, 20)


def test_texts_that_the_server_cannot_keep_do_not_stop_the_others(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100)
    drafts = [make_draft(10, session="a\0b"), make_draft(10, project="half \ud800 pair"), make_draft(10)]

    assert all(verdict.is_admitted for verdict in ann.reserve([Asked(draft, "m") for draft in drafts]))
    ann.settle([ended(draft, 10) for draft in drafts])
    assert money(lee, cap) == (30, 0)
