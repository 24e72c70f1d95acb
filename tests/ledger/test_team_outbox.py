"""What a laptop has to tell its team stands in its own ledger with the end of the call, until the team has it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.core.caps import Action, Cap, Mode
from app.core.reservations import Draft, ReservationState
from app.core.tags import Scope, Tags
from app.core.team import Lease
from app.core.windows import Window
from app.ledger.call_store import recent_calls
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.lease_book import Drawn, draw, keep_caps, keep_leases, lease_ids, leave_team, read_team_caps
from app.ledger.settlement import abandon, release
from app.ledger.team_outbox import Untold, count_untold, forget_told, untold
from tests.ledger.bookkeeping import (
    derived_totals,
    end,
    make_draft,
    money_in,
    reserve,
    set_cap,
    void_call,
    written_totals,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def team_draft(worst: int | None = 60, *, at: datetime | None = None, **labels: str) -> Draft:
    return replace(make_draft(worst, at=at, tags=Tags(team="payments", **labels)), is_of_team=True)


def team_cap(cap_id: str = "c", *, scope: Scope = Scope.EVERYTHING, key: str = "", **values: object) -> Cap:
    return replace(Cap(cap_id, scope, key, Window.DAY, 1_000), **values)  # type: ignore[arg-type]


def lease_of(cap: Cap, amount: int, lease_id: str = "l", *, at: datetime = NOW, key: str = "") -> Lease:
    span = cap.span(at, make_draft().payer)
    return Lease(lease_id, cap.cap_id, key or span.key, amount, span.ends_at)


def give(ledger: Ledger, caps: Sequence[Cap], leases: Sequence[Lease] = ()) -> None:
    with ledger.write() as connection:
        keep_caps(connection, caps)
        keep_leases(connection, leases)


def drawn(ledger: Ledger, draft: Draft, now: datetime = NOW) -> Drawn:
    with ledger.write() as connection:
        return draw(connection, draft, now)


def told(ledger: Ledger) -> list[Untold]:
    """All that is to be told, told."""
    rows = untold(ledger)
    with ledger.write() as connection:
        forget_told(connection, rows)
    return rows


def test_the_end_of_a_call_of_the_team_is_to_be_told_and_of_another_is_not(ledger: Ledger) -> None:
    ours, own = team_draft(), make_draft(60)
    for draft in (ours, own):
        reserve(ledger, draft)
        end(ledger, draft, 20)
    (one,) = untold(ledger)
    assert one.ended is not None
    assert one.ended.call == next(call for call in recent_calls(ledger, 10) if call.call_id == ours.call_id)
    assert (one.ended.charged_nano_usd, one.ended.state) == (20, ReservationState.POSTED)


def test_ends_are_told_in_order_and_each_once(ledger: Ledger) -> None:
    drafts = [team_draft() for _ in range(5)]
    for draft in drafts:
        reserve(ledger, draft)
    for draft in reversed(drafts):
        end(ledger, draft, 20)
        end(ledger, draft, 20)
    assert [one.call_id for one in untold(ledger)] == [draft.call_id for draft in reversed(drafts)]
    assert [one.call_id for one in untold(ledger, untold(ledger)[1].row_id, 2)] == [
        draft.call_id for draft in drafts[2:0:-1]
    ]
    assert (len(told(ledger)), count_untold(ledger)) == (5, 0)


def test_what_cost_nothing_and_what_nobody_knows_is_told_as_such(ledger: Ledger) -> None:
    voided, unsure, lost = (team_draft() for _ in range(3))
    for draft in (voided, unsure, lost):
        reserve(ledger, draft)
    void_call(ledger, voided)
    end(ledger, unsure, 20, is_certain=False)
    with ledger.write() as connection:
        abandon(connection, read_caps(connection), "meter", NOW)
    ends = [one.ended for one in untold(ledger) if one.ended is not None]
    assert [(one.charged_nano_usd, one.state) for one in ends] == [
        (0, ReservationState.VOIDED),
        (60, ReservationState.UNCERTAIN),
        (60, ReservationState.UNCERTAIN),
    ]


@pytest.mark.parametrize("is_told", [True, False])
def test_a_released_hold_is_as_if_it_had_never_been(ledger: Ledger, is_told: bool) -> None:
    cap = set_cap(ledger, 100)
    dry = set_cap(ledger, 10, scope=Scope.TEAM, scope_key="payments", mode=Mode.OBSERVE)
    draft = team_draft(60)
    reserve(ledger, draft)
    with ledger.write() as connection:
        assert release(connection, draft.call_id, is_told=is_told)
        assert not release(connection, draft.call_id, is_told=is_told)
    assert money_in(ledger, cap) == (0, 0)
    assert written_totals(ledger) == derived_totals(ledger)
    assert [one.ended for one in untold(ledger)] == [None] * is_told
    assert reserve(ledger, draft).is_admitted
    assert (money_in(ledger, cap), money_in(ledger, dry)) == ((0, 60), (0, 60))


def test_without_the_caps_of_the_team_nothing_goes_without_it(ledger: Ledger) -> None:
    assert drawn(ledger, team_draft()) is Drawn.SHORT


def test_calls_that_no_hard_cap_counts_go_without_the_team(ledger: Ledger) -> None:
    alert, dry = team_cap("a", action=Action.ALERT), team_cap("d", mode=Mode.OBSERVE)
    other = team_cap("o", scope=Scope.PROJECT, key="billing-api")
    give(ledger, [alert, dry, other])
    assert drawn(ledger, team_draft()) is Drawn.FREE
    assert drawn(ledger, team_draft(project="billing-api")) is Drawn.SHORT


def test_leases_pay_until_they_are_used_up(ledger: Ledger) -> None:
    cap = team_cap()
    give(ledger, [cap], [lease_of(cap, 130)])
    assert [drawn(ledger, team_draft()) for _ in range(3)] == [Drawn.PAID, Drawn.PAID, Drawn.SHORT]
    assert drawn(ledger, team_draft(None)) is Drawn.SHORT


def test_a_call_is_held_in_every_lease_it_needs_or_in_none(ledger: Ledger) -> None:
    wide, narrow = team_cap("wide"), team_cap("narrow", scope=Scope.PROJECT, key="billing-api")
    give(ledger, [wide, narrow], [lease_of(wide, 120, "w"), lease_of(narrow, 60, "n")])
    assert drawn(ledger, team_draft(project="billing-api")) is Drawn.PAID
    assert drawn(ledger, team_draft(project="billing-api")) is Drawn.SHORT
    assert drawn(ledger, team_draft()) is Drawn.PAID


def test_a_lease_of_yesterday_pays_nothing_today(ledger: Ledger) -> None:
    cap = team_cap()
    give(ledger, [cap], [lease_of(cap, 130, at=datetime(2026, 11, 21, tzinfo=UTC))])
    assert drawn(ledger, team_draft()) is Drawn.SHORT


def test_what_a_call_cost_is_taken_from_its_lease_and_the_rest_comes_back(ledger: Ledger) -> None:
    cap = team_cap()
    give(ledger, [cap], [lease_of(cap, 100)])
    draft = team_draft()
    reserve(ledger, draft)
    assert drawn(ledger, draft) is Drawn.PAID
    assert drawn(ledger, team_draft()) is Drawn.SHORT
    end(ledger, draft, 20)
    assert drawn(ledger, team_draft(81)) is Drawn.SHORT
    (one,) = told(ledger)
    assert one.ended is not None
    assert one.ended.lease_ids == ("l",)
    assert drawn(ledger, team_draft(81)) is Drawn.SHORT
    assert drawn(ledger, team_draft(80)) is Drawn.PAID


def test_a_lease_that_is_filled_up_still_pays_for_calls_on_their_way(ledger: Ledger) -> None:
    cap = team_cap()
    give(ledger, [cap], [lease_of(cap, 100)])
    assert drawn(ledger, team_draft()) is Drawn.PAID
    give(ledger, [cap], [lease_of(cap, 100)])
    assert drawn(ledger, team_draft()) is Drawn.SHORT


def test_caps_come_back_as_they_were_and_leaving_forgets_all(ledger: Ledger) -> None:
    caps = [team_cap("a", alert_percents=(50, 80)), team_cap("b", scope=Scope.USER, key="*", action=Action.BLOCK)]
    give(ledger, caps, [lease_of(caps[0], 100)])
    draft = team_draft()
    reserve(ledger, draft)
    end(ledger, draft, 20)
    with ledger.write() as connection:
        assert read_team_caps(connection) == caps
        leave_team(connection)
        assert (read_team_caps(connection), lease_ids(connection)) == (None, [])
    assert count_untold(ledger) == 0
    assert recent_calls(ledger, 1)[0].tags == Tags(team="payments")
