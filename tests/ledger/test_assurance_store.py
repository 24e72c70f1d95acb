from datetime import UTC, datetime, timedelta

from app.core.assurance import Assurance
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.assurance_store import level_in_force, level_of, note_level
from app.ledger.engine import Ledger
from app.ledger.key_store import revoke_key

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _key(ledger: Ledger, name: str, level: Assurance | None = None, expires_at: datetime | None = None) -> str:
    key, _ = issue_key(ledger, name=name, tags=Tags(), expires_at=expires_at)
    if level is not None:
        note_level(ledger, key.key_id, level)
    return key.key_id


def test_the_weakest_key_in_force_says_the_level(ledger: Ledger) -> None:
    assert level_in_force(ledger, NOW) is Assurance.COOPERATIVE
    _key(ledger, "elsewhere", Assurance.SEPARATED)
    assert level_in_force(ledger, NOW) is Assurance.SEPARATED
    boxed = _key(ledger, "boxed", Assurance.SANDBOXED)
    assert level_in_force(ledger, NOW) is Assurance.SANDBOXED
    free = _key(ledger, "free")
    assert level_in_force(ledger, NOW) is Assurance.COOPERATIVE
    assert [level_of(ledger, key) for key in (boxed, free)] == [Assurance.SANDBOXED, Assurance.COOPERATIVE]


def test_a_key_that_has_ended_says_nothing(ledger: Ledger) -> None:
    _key(ledger, "boxed", Assurance.SANDBOXED)
    _key(ledger, "expired", expires_at=NOW)
    revoke_key(ledger, _key(ledger, "revoked"))
    assert level_in_force(ledger, NOW) is Assurance.SANDBOXED
    assert level_in_force(ledger, NOW - timedelta(seconds=1)) is Assurance.COOPERATIVE
