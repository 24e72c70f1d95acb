from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.errors import InvalidInput, KeyMissing
from app.core.provider_keys import KeyName, ProviderKey, Trial
from app.keys.vault import FixedVault
from app.keys.virtual_keys import mint
from app.ledger.engine import open_ledger
from app.ledger.provider_key_store import list_provider_keys
from app.services.provider_keys import KeyRing, check_key, keep_key, prove_key, remove_key, replace_key
from tests.services.key_provider import KeyProvider, key_provider

OWN = KeyName("openai")
OLD, NEW, WRONG = "sk-old-0123456789", "sk-new-0123456789", "sk-wrong-0123456789"
VIRTUAL = pytest.param(mint(), id="virtual")


@pytest.fixture
def provider() -> Iterator[KeyProvider]:
    with key_provider({OLD: 200, NEW: 200}) as played:
        yield played


@pytest.fixture
def ring(tmp_path: Path, provider: KeyProvider) -> Iterator[KeyRing]:
    ledger = open_ledger(tmp_path / "ledger.sqlite")
    yield KeyRing(ledger, FixedVault({}), {"openai": provider.url})
    ledger.close()


def kept(ring: KeyRing) -> ProviderKey:
    [key] = list_provider_keys(ring.ledger)
    return key


def test_a_key_is_kept_tested_and_removed(ring: KeyRing, provider: KeyProvider) -> None:
    keep_key(ring, OWN, f"  {OLD}\n")
    assert ring.vault.get("openai") == OLD
    assert kept(ring).trial is Trial.NONE
    assert provider.asked == []
    assert prove_key(ring, OWN) is Trial.WORKS
    assert (kept(ring).trial, kept(ring).tested_at is not None) == (Trial.WORKS, True)
    remove_key(ring, OWN)
    assert ring.vault.get("openai") is None
    assert list_provider_keys(ring.ledger) == []


def test_a_new_key_takes_the_place_of_the_old_one_once_it_works(ring: KeyRing) -> None:
    keep_key(ring, OWN, OLD)
    before = kept(ring)
    assert replace_key(ring, OWN, NEW) is Trial.WORKS
    assert ring.vault.get("openai") == NEW
    assert kept(ring).trial is Trial.WORKS
    assert kept(ring).added_at > before.added_at


def test_the_old_key_stays_when_the_new_one_is_refused_or_cannot_be_tested(
    ring: KeyRing, provider: KeyProvider
) -> None:
    keep_key(ring, OWN, OLD)
    before = kept(ring)
    with pytest.raises(InvalidInput, match=r"Refused by OpenAI.*the old one stays"):
        replace_key(ring, OWN, WRONG)
    provider.statuses[NEW] = 500
    with pytest.raises(InvalidInput, match=r"cannot be reached.*the old one stays"):
        replace_key(ring, OWN, NEW)
    assert ring.vault.get("openai") == OLD
    assert kept(ring) == before
    assert replace_key(ring, OWN, NEW, is_forced=True) is Trial.UNREACHABLE
    assert ring.vault.get("openai") == NEW
    assert kept(ring).trial is Trial.UNREACHABLE


def test_a_key_that_nobody_can_test_for_free_is_replaced(ring: KeyRing) -> None:
    name = KeyName("perplexity")
    keep_key(ring, name, OLD)
    assert replace_key(ring, name, NEW) is Trial.UNTESTABLE
    assert ring.vault.get("perplexity") == NEW


def test_what_is_not_there_is_neither_replaced_nor_tested(ring: KeyRing, provider: KeyProvider) -> None:
    with pytest.raises(InvalidInput, match="No such key"):
        replace_key(ring, OWN, NEW)
    keep_key(ring, OWN, OLD)
    ring.vault.delete("openai")
    with pytest.raises(KeyMissing, match="gone from the keyring"):
        prove_key(ring, OWN)
    assert provider.asked == []


@pytest.mark.parametrize("text", ["", "  \n", "two words", "ключ", "x" * 5000, "a\x1b[31m", VIRTUAL])
def test_what_is_not_a_key_reaches_neither_the_keyring_nor_the_error(ring: KeyRing, text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        keep_key(ring, OWN, text)
    assert not text.strip() or text.strip() not in str(raised.value)
    assert ring.vault.get("openai") is None
    assert list_provider_keys(ring.ledger) == []
    with pytest.raises(InvalidInput):
        check_key(text)
