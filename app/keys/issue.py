"""Issuing a virtual key, and giving it another token: minted here, told once, kept as a fingerprint."""

from datetime import datetime, timedelta

from app.core.errors import InvalidInput
from app.core.key_limits import NO_LIMITS, KeyCap, KeyLimits
from app.core.tags import Tags
from app.keys.virtual_keys import PREFIX, fingerprint, mint
from app.ledger.engine import Ledger
from app.ledger.key_store import VirtualKey, add_key, replace_token

SHOWN_CHARACTERS = 4
AT_ONCE = timedelta()
LONGEST_GRACE = timedelta(days=7)


def issue_key(
    ledger: Ledger,
    *,
    name: str,
    tags: Tags,
    expires_at: datetime | None = None,
    limits: KeyLimits = NO_LIMITS,
    cap: KeyCap | None = None,
) -> tuple[VirtualKey, str]:
    """A new key charged to `tags`, and its token, which nobody can tell again. Raises InvalidInput for a taken name."""
    token = mint()
    key = add_key(
        ledger,
        name=name,
        prefix=_shown(token),
        fingerprint=fingerprint(token),
        tags=tags,
        expires_at=expires_at,
        limits=limits,
        cap=cap,
    )
    return key, token


def rotate_key(ledger: Ledger, key_id: str, grace: timedelta = AT_ONCE) -> tuple[VirtualKey, str]:
    """Another token for the same key. The old one is good for `grace` more, by default not at all: who rotates because
    a token has leaked must not leave it open. Raises InvalidInput for a key that is not in force, or too long a grace.
    """
    if not AT_ONCE <= grace <= LONGEST_GRACE:
        raise InvalidInput("Too long", f"An old token can live for {LONGEST_GRACE.days} days at most.")
    token = mint()
    key = replace_token(ledger, key_id, prefix=_shown(token), fingerprint=fingerprint(token), grace=grace)
    return key, token


def _shown(token: str) -> str:
    return token[: len(PREFIX) + SHOWN_CHARACTERS]
