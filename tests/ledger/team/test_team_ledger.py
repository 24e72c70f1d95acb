from app.core.caps import Action, Cap
from app.core.reservations import Draft, Refusal, ReservationState
from app.core.tags import Scope
from app.core.team import Asked, Ended
from app.core.windows import Window
from app.ledger.identifiers import new_id
from app.ledger.team.ledger import TeamLedger
from tests.ledger.bookkeeping import make_call, make_draft


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
