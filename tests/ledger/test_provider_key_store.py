from datetime import UTC, datetime, timedelta

from app.ledger.engine import Ledger
from app.ledger.provider_key_store import forget_provider_key, list_provider_keys, note_provider_key

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_the_ledger_knows_which_providers_have_a_key(ledger: Ledger) -> None:
    note_provider_key(ledger, "openai", NOW)
    note_provider_key(ledger, "anthropic", NOW)
    note_provider_key(ledger, "openai", NOW + timedelta(days=1))
    noted = {one.provider: one.added_at for one in list_provider_keys(ledger)}
    assert noted == {"anthropic": NOW, "openai": NOW + timedelta(days=1)}
    for _ in range(2):
        forget_provider_key(ledger, "openai")
    assert [one.provider for one in list_provider_keys(ledger)] == ["anthropic"]
