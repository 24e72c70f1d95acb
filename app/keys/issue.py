"""Issuing a virtual key: minted here, told once, kept as a fingerprint."""

from datetime import datetime

from app.core.tags import Tags
from app.keys.virtual_keys import PREFIX, fingerprint, mint
from app.ledger.engine import Ledger
from app.ledger.key_store import VirtualKey, add_key

SHOWN_CHARACTERS = 4


def issue_key(ledger: Ledger, *, name: str, tags: Tags, expires_at: datetime | None = None) -> tuple[VirtualKey, str]:
    """A new key charged to `tags`, and its token, which nobody can tell again. Raises InvalidInput for a taken name."""
    token = mint()
    prefix = token[: len(PREFIX) + SHOWN_CHARACTERS]
    key = add_key(ledger, name=name, prefix=prefix, fingerprint=fingerprint(token), tags=tags, expires_at=expires_at)
    return key, token
