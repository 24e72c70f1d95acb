from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.core.caps import Action
from app.core.errors import InvalidInput, KeyRejected
from app.core.key_limits import KeyCap, KeyLimits
from app.core.tags import Billing, Scope, Tags
from app.core.windows import Window
from app.ledger.cap_store import list_caps
from app.ledger.engine import Ledger
from app.ledger.key_store import (
    KeyHolder,
    VirtualKey,
    add_key,
    holder_of,
    list_keys,
    replace_token,
    revoke_key,
)
from app.ledger.tables import reservations
from tests.ledger.bookkeeping import make_draft, reserve, set_cap, spend_money

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAYER = Tags("billing", "Claude Code", "ada", "core", "invoices")


def make_key(ledger: Ledger, name: str = "laptop", mark: str = "f1", expires_at: datetime | None = None) -> VirtualKey:
    return add_key(ledger, name=name, prefix=f"bsr_{mark}", fingerprint=mark, tags=PAYER, expires_at=expires_at)


def who_pays(ledger: Ledger, mark: str, at: datetime = NOW) -> Tags:
    with ledger.read() as connection:
        return holder_of(connection, mark, at).tags


def test_a_key_says_who_pays_and_carries_its_own_id(ledger: Ledger) -> None:
    key = make_key(ledger)
    assert who_pays(ledger, "f1") == key.tags
    assert key.tags == Tags("billing", "Claude Code", "ada", "core", "invoices", virtual_key_id=key.key_id)
    assert (key.name, key.prefix, key.spent_nano_usd, key.last_used_at) == ("laptop", "bsr_f1", 0, None)


def test_an_unknown_key_is_rejected(ledger: Ledger) -> None:
    make_key(ledger)
    with pytest.raises(KeyRejected, match="Unknown"):
        who_pays(ledger, "f2")


def test_a_revoked_key_is_rejected_and_can_be_revoked_once(ledger: Ledger) -> None:
    key = make_key(ledger)
    revoke_key(ledger, key.key_id)
    with pytest.raises(KeyRejected, match="revoked"):
        who_pays(ledger, "f1")
    with pytest.raises(InvalidInput):
        revoke_key(ledger, key.key_id)
    assert list_keys(ledger) == []
    assert [old.revoked_at is not None for old in list_keys(ledger, include_revoked=True)] == [True]


def test_a_key_expires_at_its_instant(ledger: Ledger) -> None:
    make_key(ledger, expires_at=NOW)
    assert who_pays(ledger, "f1", NOW - timedelta(microseconds=1)).project == "billing"
    with pytest.raises(KeyRejected, match="expired"):
        who_pays(ledger, "f1", NOW)


def test_a_replaced_token_is_good_for_its_grace_and_the_one_before_it_not_at_all(ledger: Ledger) -> None:
    key = make_key(ledger)
    rotated = replace_token(ledger, key.key_id, prefix="bsr_f2", fingerprint="f2", grace=timedelta(minutes=10))
    assert (rotated.key_id, rotated.tags, rotated.prefix) == (key.key_id, key.tags, "bsr_f2")
    assert rotated.rotated_at is not None
    assert rotated.old_until is not None
    assert who_pays(ledger, "f2") == who_pays(ledger, "f1", rotated.old_until - timedelta(microseconds=1)) == key.tags
    with pytest.raises(KeyRejected, match="new token"):
        who_pays(ledger, "f1", rotated.old_until)
    again = replace_token(ledger, key.key_id, prefix="bsr_f3", fingerprint="f3", grace=timedelta())
    assert again.old_until is None
    assert who_pays(ledger, "f3") == key.tags
    for mark, words in (("f2", "new token"), ("f1", "does not know")):
        with pytest.raises(KeyRejected, match=words):
            who_pays(ledger, mark)


def test_a_revoked_or_expired_key_gets_no_new_token_and_its_old_one_dies_with_it(ledger: Ledger) -> None:
    key = make_key(ledger)
    replace_token(ledger, key.key_id, prefix="p", fingerprint="f2", grace=timedelta(days=1))
    revoke_key(ledger, key.key_id)
    for mark in ("f1", "f2"):
        with pytest.raises(KeyRejected, match="was revoked"):
            who_pays(ledger, mark, datetime.now(UTC))
    expired = make_key(ledger, name="old", mark="f5", expires_at=NOW)
    for ended in (key, expired):
        with pytest.raises(InvalidInput):
            replace_token(ledger, ended.key_id, prefix="p", fingerprint="f9", grace=timedelta())


def test_a_key_carries_its_limits(ledger: Ledger) -> None:
    limits = KeyLimits(("anthropic", "openai"), ("claude-*", "gpt-5[x]"))
    key = add_key(ledger, name="n", prefix="p", fingerprint="f1", tags=PAYER, expires_at=None, limits=limits)
    assert key.limits == limits
    with ledger.read() as connection:
        assert holder_of(connection, "f1", NOW) == KeyHolder(key.tags, limits)


def test_a_keys_cap_comes_and_goes_with_it(ledger: Ledger) -> None:
    cap = KeyCap(5_000, Window.WEEK, Action.BLOCK, "Europe/Berlin", 6)
    key = add_key(ledger, name="n", prefix="p", fingerprint="f1", tags=PAYER, expires_at=None, cap=cap)
    [made] = list_caps(ledger)
    assert (made.scope, made.scope_key, made.window, made.limit_nano_usd) == (
        Scope.VIRTUAL_KEY, key.key_id, Window.WEEK, 5_000
    )  # fmt: skip
    assert (made.action, made.time_zone, made.week_start) == (Action.BLOCK, "Europe/Berlin", 6)
    other = set_cap(ledger, 1)
    revoke_key(ledger, key.key_id)
    assert list_caps(ledger) == [other]


def test_a_cap_that_cannot_be_leaves_no_key_behind(ledger: Ledger) -> None:
    for limit in (0, -1):
        with pytest.raises(InvalidInput, match="limit"):
            add_key(
                ledger, name="n", prefix="p", fingerprint="f1", tags=PAYER, expires_at=None,
                cap=KeyCap(limit, Window.DAY, Action.BLOCK, "UTC"),
            )  # fmt: skip
    assert list_keys(ledger, include_revoked=True) == []
    assert list_caps(ledger) == []


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_nothing_is_admitted_for_a_key_that_has_ended_however_early_its_call_came(ledger: Ledger, end: str) -> None:
    expires_at = datetime.now(UTC) if end == "expired" else None
    key = make_key(ledger, expires_at=expires_at)
    draft = make_draft(10, tags=key.tags)
    if end == "revoked":
        assert reserve(ledger, make_draft(10, tags=key.tags)).is_admitted
        revoke_key(ledger, key.key_id)
    with pytest.raises(KeyRejected, match=end):
        reserve(ledger, draft)
    with ledger.read() as connection:
        assert connection.execute(select(reservations).where(reservations.c.call_id == draft.call_id)).first() is None


def test_a_name_is_free_again_once_its_key_is_revoked(ledger: Ledger) -> None:
    first = make_key(ledger)
    with pytest.raises(InvalidInput, match="exists"):
        make_key(ledger, mark="f2")
    revoke_key(ledger, first.key_id)
    assert make_key(ledger, mark="f2").name == "laptop"
    with pytest.raises(InvalidInput, match="needs a name"):
        make_key(ledger, name=" ", mark="f3")
    assert len(list_keys(ledger, include_revoked=True)) == 2


def test_a_key_knows_its_spend_and_last_use(ledger: Ledger) -> None:
    key, unused = make_key(ledger), make_key(ledger, name="unused", mark="f2")
    spend_money(ledger, 30, tags=key.tags, at=NOW)
    spend_money(ledger, None, tags=key.tags, at=NOW + timedelta(hours=1))
    spend_money(ledger, 5, at=NOW)
    spend_money(ledger, 70, tags=key.tags, at=NOW, billing=Billing.SUBSCRIPTION)
    listed = {one.name: one for one in list_keys(ledger)}
    assert (listed["laptop"].spent_nano_usd, listed["laptop"].subscription_nano_usd) == (30, 70)
    assert listed["laptop"].last_used_at == NOW + timedelta(hours=1)
    assert listed["unused"] == unused
