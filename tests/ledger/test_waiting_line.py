"""First come, first served; each session its share; nobody waits for ever; nobody is called used up who is not."""

from datetime import UTC, datetime, timedelta

from app.core.reservations import Draft, Refusal, Verdict
from app.core.tags import Scope, Tags
from app.ledger.admission import admit
from app.ledger.cap_store import read_caps
from app.ledger.engine import Ledger
from app.ledger.key_store import add_key, revoke_key
from app.ledger.survey import Waiting, worth_a_look
from app.ledger.waiting_line import SHARE_STEPS, clear_line, leave_line, places
from tests.ledger.bookkeeping import end, make_draft, reserve, set_cap

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def try_to_pass(ledger: Ledger, draft: Draft, *, meter: str = "meter", seconds: int = 120) -> Verdict:
    with ledger.write() as connection:
        until = draft.at + timedelta(seconds=seconds)
        return admit(connection, read_caps(connection), draft, instance_id=meter, waits_until=until)


def call(worst: int, session: str = "", at: datetime = NOW) -> Draft:
    return make_draft(worst, at=at, session=session or f"s{worst}", virtual_key_id="k")


def test_a_small_call_does_not_overtake_a_large_one_that_waits(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    running = call(80)
    large, small = call(50), call(10)
    assert try_to_pass(ledger, running).is_admitted
    assert [one.refusal for one in try_to_pass(ledger, large).obstacles] == [Refusal.CONTENDED]
    assert [one.refusal for one in try_to_pass(ledger, small).obstacles] == [Refusal.CONTENDED]
    assert end(ledger, running, 20)
    assert not try_to_pass(ledger, small).is_admitted, "the large one came first"
    assert try_to_pass(ledger, large).is_admitted
    assert try_to_pass(ledger, small).is_admitted


def test_a_call_in_other_windows_does_not_wait_in_this_line(ledger: Ledger) -> None:
    set_cap(ledger, 100, scope=Scope.PROJECT, scope_key="p")
    set_cap(ledger, 10_000)
    running = make_draft(80, at=NOW, project="p")
    assert try_to_pass(ledger, running).is_admitted
    assert not try_to_pass(ledger, make_draft(50, at=NOW, project="p")).is_admitted
    assert try_to_pass(ledger, make_draft(50, at=NOW, project="q")).is_admitted


def test_a_session_with_one_call_goes_before_the_many_of_another(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    running = call(100, "busy")
    assert try_to_pass(ledger, running).is_admitted
    many = [call(40, "busy") for _ in range(5)]
    for one in many:
        assert not try_to_pass(ledger, one).is_admitted
    single = call(40, "single")
    assert not try_to_pass(ledger, single).is_admitted
    with ledger.read() as connection:
        place = places(connection, "meter")
    order = sorted(place, key=lambda call_id: place[call_id])
    assert order.index(single.call_id) == 1, "behind the one whose turn it is, before the rest"


def test_no_more_than_a_few_later_calls_overtake_anyone(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    assert try_to_pass(ledger, call(100, "busy")).is_admitted
    penalised = call(40, "busy")
    assert not try_to_pass(ledger, penalised).is_admitted
    for number in range(SHARE_STEPS * 3):
        assert not try_to_pass(ledger, call(40, f"other{number}")).is_admitted
    with ledger.read() as connection:
        place = places(connection, "meter")
    before = [call_id for call_id, its in place.items() if its < place[penalised.call_id]]
    assert len(before) <= SHARE_STEPS


def test_a_call_is_exhausted_only_when_what_is_spent_leaves_no_room_for_it(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    running = call(100)
    assert try_to_pass(ledger, running).is_admitted
    waits = call(61)
    assert try_to_pass(ledger, waits).obstacles[0].refusal is Refusal.CONTENDED
    assert end(ledger, running, 40)
    assert try_to_pass(ledger, waits).obstacles[0].refusal is Refusal.EXHAUSTED
    with ledger.read() as connection:
        assert places(connection, "meter") == {}, "who is used up does not stand in the way of others"
    assert try_to_pass(ledger, call(60)).is_admitted


def test_a_place_is_lost_with_its_time_with_its_meter_and_by_leaving(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    running = call(80)
    assert try_to_pass(ledger, running).is_admitted
    for way in ("time", "meter", "leaving"):
        first = call(50, f"first-{way}")
        assert not try_to_pass(ledger, first, meter="dead", seconds=5).is_admitted
        behind = call(15, f"behind-{way}")
        assert not try_to_pass(ledger, behind).is_admitted
        with ledger.write() as connection:
            if way == "meter":
                clear_line(connection, "dead", NOW)
            elif way == "leaving":
                leave_line(connection, first.call_id)
        later = NOW + timedelta(seconds=6) if way == "time" else NOW
        passed = make_draft(15, at=later, call_id=behind.call_id, session=f"behind-{way}", virtual_key_id="k")
        assert try_to_pass(ledger, passed).is_admitted, way
        assert end(ledger, passed, 0)


def waiting_for(ledger: Ledger, draft: Draft) -> Waiting:
    verdict = try_to_pass(ledger, draft)
    return Waiting(draft, verdict.obstacles, "", verdict.held_nano_usd)


def survey(ledger: Ledger, *waiting: Waiting) -> frozenset[str]:
    with ledger.write() as connection:
        return worth_a_look(connection, "meter", waiting, NOW)


def test_only_those_for_whom_there_is_money_are_called(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    running = call(100)
    assert reserve(ledger, running).is_admitted
    waiting = [waiting_for(ledger, call(30, f"s{number}")) for number in range(5)]
    assert survey(ledger, *waiting) == frozenset()
    assert end(ledger, running, 10)
    assert survey(ledger, *waiting) == {one.draft.call_id for one in waiting[:3]}


def test_who_waits_is_called_when_his_key_has_ended(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    assert reserve(ledger, call(100)).is_admitted
    keys = [
        add_key(ledger, name=name, prefix="p", fingerprint=name, tags=Tags(), expires_at=expires_at)
        for name, expires_at in (("good", None), ("revoked", None), ("expired", NOW + timedelta(seconds=1)))
    ]
    drafts = [make_draft(30, at=NOW, session=key.name, virtual_key_id=key.key_id) for key in keys]
    waiting = [waiting_for(ledger, draft) for draft in drafts]
    assert survey(ledger, *waiting) == frozenset()
    revoke_key(ledger, keys[1].key_id)
    assert survey(ledger, *waiting) == {drafts[1].call_id}
    with ledger.write() as connection:
        found = worth_a_look(connection, "meter", waiting, NOW + timedelta(seconds=1))
    assert found == {drafts[1].call_id, drafts[2].call_id}


def test_who_waits_is_called_when_the_cap_is_used_up_for_him(ledger: Ledger) -> None:
    set_cap(ledger, 100)
    running = call(100)
    assert reserve(ledger, running).is_admitted
    waiting = waiting_for(ledger, call(30))
    assert end(ledger, running, 90)
    assert survey(ledger, waiting) == {waiting.draft.call_id}
