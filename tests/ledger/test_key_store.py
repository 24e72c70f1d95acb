from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import InvalidInput, KeyRejected
from app.core.tags import Tags
from app.ledger.engine import Ledger
from app.ledger.key_store import (
    VirtualKey,
    add_key,
    find_key,
    list_keys,
    payer_of,
    revoke_key,
)
from tests.ledger.bookkeeping import spend_money

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAYER = Tags("billing", "Claude Code", "ada", "core", "invoices")


def make_key(ledger: Ledger, name: str = "laptop", mark: str = "f1", expires_at: datetime | None = None) -> VirtualKey:
    return add_key(ledger, name=name, prefix=f"bsr_{mark}", fingerprint=mark, tags=PAYER, expires_at=expires_at)


def who_pays(ledger: Ledger, mark: str, at: datetime = NOW) -> Tags:
    with ledger.read() as connection:
        return payer_of(connection, mark, at)


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


def test_a_name_is_free_again_once_its_key_is_revoked(ledger: Ledger) -> None:
    first = make_key(ledger)
    with pytest.raises(InvalidInput, match="exists"):
        make_key(ledger, mark="f2")
    revoke_key(ledger, first.key_id)
    assert make_key(ledger, mark="f2").name == "laptop"
    with pytest.raises(InvalidInput, match="needs a name"):
        make_key(ledger, name=" ", mark="f3")
    assert len(list_keys(ledger, include_revoked=True)) == 2


def test_a_key_is_found_by_id_name_or_prefix_when_it_is_the_only_one(ledger: Ledger) -> None:
    first, second = make_key(ledger), make_key(ledger, name="desktop", mark="f2")
    for text in (first.key_id, "laptop", "bsr_f1"):
        assert find_key(ledger, text) == first
    make_key(ledger, name="bsr_f2", mark="f3")
    with pytest.raises(InvalidInput, match="Several"):
        find_key(ledger, "bsr_f2")
    for text in ("", "lap", second.key_id[:8]):
        with pytest.raises(InvalidInput, match="No such key"):
            find_key(ledger, text)


def test_a_key_knows_its_spend_and_last_use(ledger: Ledger) -> None:
    key, unused = make_key(ledger), make_key(ledger, name="unused", mark="f2")
    spend_money(ledger, 30, tags=key.tags, at=NOW)
    spend_money(ledger, None, tags=key.tags, at=NOW + timedelta(hours=1))
    spend_money(ledger, 5, at=NOW)
    listed = {one.name: one for one in list_keys(ledger)}
    assert listed["laptop"].spent_nano_usd == 30
    assert listed["laptop"].last_used_at == NOW + timedelta(hours=1)
    assert listed["unused"] == unused
