"""The last request of each conversation, as it is kept and found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.core.origin import MAIN_ORIGIN, Origin, RequestClass
from app.core.sent_input import ColdSoon, InputPart, PartKind, SentInput
from app.core.tags import Tags
from app.ledger.conversation_store import (
    KEPT_FOR,
    SIDE_BY_SIDE,
    cold_soon,
    keep_request,
    keyed_mark,
    keyed_parts,
    last_requests,
)
from app.ledger.engine import Ledger

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
TAGS = Tags(project="shop", agent="claude", task="fix", session="s", virtual_key_id="k")
PARTS = (
    InputPart(PartKind.TOOL, b"12345678", 900, name="Read"),
    InputPart(PartKind.MESSAGE, b"abcdefgh", 70_000, turn=3),
)
SENT = SentInput(
    call_id="c1",
    at=NOW,
    provider="anthropic",
    model="claude-opus-4-8",
    input_tokens=20_000,
    parts=PARTS,
    tags=TAGS,
    cached_tokens=19_000,
    account=b"account1",
    asked="5m",
    response_id="msg_1",
)


def keep(ledger: Ledger, conversation_id: str, sent: SentInput, cold: datetime | None = None, warm: int = 5) -> None:
    with ledger.write() as connection:
        keep_request(connection, conversation_id, sent, cold, warm)


def found(ledger: Ledger, tags: Tags = TAGS, origin: Origin = MAIN_ORIGIN) -> list[tuple[str, SentInput]]:
    with ledger.read() as connection:
        return list(last_requests(connection, tags, origin, origin.request_class, {part.digest for part in PARTS}))


def test_the_last_request_takes_the_place_of_the_one_before(ledger: Ledger) -> None:
    keep(ledger, "c1", SENT)
    later = replace(SENT, call_id="c2", at=NOW + timedelta(minutes=1), is_chained=True)
    keep(ledger, "c1", later)
    assert found(ledger) == [("c1", later)]


def test_payers_sessions_and_parts_of_an_agent_are_told_apart(ledger: Ledger) -> None:
    keep(ledger, "c1", SENT)
    assert found(ledger, replace(TAGS, virtual_key_id="other")) == []
    assert found(ledger, replace(TAGS, session="other")) == []
    assert found(ledger, TAGS, Origin(RequestClass.TITLE)) == []
    assert found(ledger, TAGS, Origin(agent_id="sub")) == []


def test_a_conversation_that_shares_no_part_is_not_read(ledger: Ledger) -> None:
    keep(ledger, "c1", SENT)
    with ledger.read() as connection:
        assert list(last_requests(connection, TAGS, MAIN_ORIGIN, RequestClass.MAIN, {b"another1"})) == []


def test_requests_of_yesterday_and_too_many_side_by_side_are_forgotten(ledger: Ledger) -> None:
    for number in range(SIDE_BY_SIDE + 3):
        name = f"c{number}"
        keep(ledger, name, replace(SENT, call_id=name, at=NOW + timedelta(seconds=number)))
    names = [name for name, _ in found(ledger)]
    assert names == [f"c{number}" for number in range(SIDE_BY_SIDE + 2, 2, -1)]
    keep(ledger, "new", replace(SENT, call_id="new", at=NOW + KEPT_FOR + timedelta(minutes=1)))
    assert [name for name, _ in found(ledger)] == ["new"]


def test_a_cache_that_ends_soon_is_told_with_what_it_costs_to_fill_again(ledger: Ledger) -> None:
    end = NOW + timedelta(minutes=5)
    keep(ledger, "c1", SENT, end, 1_900_000_000)
    told = ColdSoon("s", "fix", "claude", "shop", end, 1_900_000_000)
    assert cold_soon(ledger, end - timedelta(seconds=60)) == (told,)
    assert cold_soon(ledger, end - timedelta(seconds=61)) == ()
    assert cold_soon(ledger, end) == ()
    keep(ledger, "c1", replace(SENT, call_id="c2"), None)
    assert cold_soon(ledger, end - timedelta(seconds=60)) == ()


def test_marks_are_kept_under_a_key_only(ledger: Ledger) -> None:
    one, other = (keyed_parts(key, PARTS) for key in (b"k" * 32, b"l" * 32))
    assert [part.name for part in one] == ["Read", ""]
    assert {part.digest for part in one}.isdisjoint({part.digest for part in (*PARTS, *other)})
    assert keyed_parts(b"k" * 32, PARTS) == one
    assert keyed_mark(b"k" * 32, b"") == b""
