"""Money held in advance, so that a laptop can go on while the server is out of reach."""

import pytest

from app.core.errors import InvalidInput, TeamRefused
from app.core.reservations import Refusal
from app.core.team import Asked
from app.core.windows import Window
from app.ledger.team.ledger import TeamLedger
from tests.ledger.bookkeeping import make_draft
from tests.ledger.team.conftest import Team, hears
from tests.ledger.team.test_team_ledger import ended, money, set_cap


def test_a_lease_is_held_and_what_was_spent_of_it_is_charged_once(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100, window=Window.DAY)
    offline = make_draft(30)
    [lease] = ann.leases([make_draft(None)], 60, "m")
    assert (lease.amount_nano_usd, lease.window[0], lease.ends_at is not None) == (60, cap.cap_id, True)
    assert money(lee, cap) == (0, 60)

    told = ended(offline, 25, lease_ids=(lease.lease_id,))
    ann.settle([told])
    ann.settle([told])

    assert money(lee, cap) == (25, 35)
    [filled] = ann.leases([make_draft(None)], 60, "m")
    assert (filled.lease_id, filled.amount_nano_usd) == (lease.lease_id, 60)
    ann.give_back([lease.lease_id])
    ann.give_back([lease.lease_id])
    assert money(lee, cap) == (25, 0)


def test_a_lease_takes_no_more_than_there_is_and_others_wait_for_it(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100)
    set_cap(lee, 1000, window=Window.DAY)
    leases = {one.cap_id: one.amount_nano_usd for one in ann.leases([make_draft(None)], 160, "m")}
    assert sorted(leases.values()) == [100, 160]
    [verdict] = lee.reserve([Asked(make_draft(1), "m2")])
    assert [one.refusal for one in verdict.obstacles] == [Refusal.CONTENDED]
    lee.listen()

    ann.give_back([one.lease_id for one in ann.all_leases()])

    assert hears(lee, "room")
    assert lee.reserve([Asked(make_draft(1), "m2")])[0].is_admitted
    assert money(lee, cap) == (0, 1)


def test_what_was_spent_beyond_a_lease_is_charged_all_the_same(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100)
    [lease] = ann.leases([make_draft(None)], 20, "m")
    ann.settle([ended(make_draft(30), 30, lease_ids=(lease.lease_id,))])

    assert money(lee, cap) == (30, 0)


def test_the_lease_of_a_laptop_that_is_gone_is_charged_in_full_until_it_tells_what_it_spent(
    ann: TeamLedger, lee: TeamLedger
) -> None:
    cap = set_cap(lee, 100)
    [lease] = ann.leases([make_draft(None)], 60, "m")
    assert [(one.member, one.instance_id) for one in lee.all_leases()] == [("ann", "m")]
    with pytest.raises(TeamRefused):
        ann.end_lease(lease.lease_id)
    lee.end_lease(lease.lease_id)
    assert (money(lee, cap), lee.all_leases()) == ((60, 0), [])
    with pytest.raises(InvalidInput):
        lee.end_lease(lease.lease_id)

    ann.settle([ended(make_draft(25), 25, lease_ids=(lease.lease_id,))])

    assert money(lee, cap) == (60, 0), "25 of the 60 are known now"
    ann.settle([ended(make_draft(50), 50, lease_ids=(lease.lease_id,))])
    assert money(lee, cap) == (75, 0), "and then more was spent than it had"


def test_leases_survive_that_their_cap_is_counted_anew(ann: TeamLedger, lee: TeamLedger) -> None:
    cap = set_cap(lee, 100)
    [lease] = ann.leases([make_draft(None)], 40, "m")
    lee.set_cap(cap)
    assert money(lee, cap) == (0, 40)
    lee.remove_cap(cap.cap_id)
    ann.settle([ended(make_draft(10), 10, lease_ids=(lease.lease_id,))])
    lee.restore_cap(cap.cap_id)

    assert money(lee, cap) == (10, 30)


def test_a_viewers_and_anothers_leases_are_not_to_be_seen(team: Team, ann: TeamLedger, lee: TeamLedger) -> None:
    set_cap(lee, 100)
    [lease] = ann.leases([make_draft(None)], 40, "m")
    bob = team.enter("bob")

    assert bob.all_leases() == []
    bob.give_back([lease.lease_id])
    assert len(lee.all_leases()) == 1
