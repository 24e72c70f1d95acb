"""What a person does with a provider's key, in the keyring and in the ledger: keep, test, replace, remove."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.errors import InvalidInput, KeyMissing
from app.core.provider_keys import KeyName, Trial
from app.core.providers import provider_title
from app.keys.vault import Vault
from app.keys.virtual_keys import PREFIX
from app.ledger.engine import Ledger
from app.ledger.provider_key_store import forget_provider_key, list_provider_keys, note_provider_key, note_trial
from app.services.key_trial import try_key

MAX_KEY_LENGTH = 4096


@dataclass(frozen=True, slots=True)
class KeyRing:
    """What the work on keys is done with. `upstreams` are those of the settings."""

    ledger: Ledger
    vault: Vault
    upstreams: Mapping[str, str]


def check_key(text: str) -> str:
    """A provider's key as it goes into the keyring. Raises InvalidInput, without the text, for what cannot be one."""
    key = text.strip()
    if not key:
        raise InvalidInput("No key was given", "Paste or type the key that the provider gave you.")
    if len(key) > MAX_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput("This is not a key", "A key is one word of plain letters, digits and signs.")
    if key.startswith(PREFIX):
        raise InvalidInput("This is a virtual key", "Agents hold those. Here the provider's own key is needed.")
    return key


def keep_key(ring: KeyRing, name: KeyName, text: str) -> None:
    """Put a key into the keyring, replacing one of that name untested. Raises InvalidInput, VaultError, LedgerError."""
    key = check_key(text)
    ring.vault.set(name.entry, key)
    note_provider_key(ring.ledger, name, datetime.now(UTC))


def prove_key(ring: KeyRing, name: KeyName) -> Trial:
    """Ask the provider whether it takes the key, and note what it said. Raises KeyMissing, VaultError, InvalidInput,
    LedgerError."""
    key = ring.vault.get(name.entry)
    if key is None:
        raise KeyMissing("This key is gone from the keyring", "Put it in again, or remove it here.")
    trial = try_key(name.provider, key, ring.upstreams)
    note_trial(ring.ledger, name, trial, datetime.now(UTC))
    return trial


def replace_key(ring: KeyRing, name: KeyName, text: str, *, is_forced: bool = False) -> Trial:
    """Put a new key in the place of an old one, once the provider takes it; a running meter uses it for its next call.

    The old one stays when the provider refuses the new one or cannot be asked, which is an InvalidInput; `is_forced`
    replaces it all the same. Where nothing can be asked for free, it is replaced. Raises VaultError, LedgerError too.
    """
    key = check_key(text)
    if not any(one.name == name for one in list_provider_keys(ring.ledger)):
        raise InvalidInput("No such key", "There is nothing to replace. See: bursar keys provider list")
    trial = try_key(name.provider, key, ring.upstreams)
    title = provider_title(name.provider)
    if trial is Trial.REFUSED and not is_forced:
        raise InvalidInput(f"Refused by {title}", "The new key was not taken, and the old one stays.")
    if trial is Trial.UNREACHABLE and not is_forced:
        raise InvalidInput(f"{title} cannot be reached", "The new key was not tested, and the old one stays.")
    ring.vault.set(name.entry, key)
    note_provider_key(ring.ledger, name, datetime.now(UTC), trial)
    return trial


def remove_key(ring: KeyRing, name: KeyName) -> None:
    """Take a key out of the keyring. Raises VaultError, LedgerError."""
    ring.vault.delete(name.entry)
    forget_provider_key(ring.ledger, name)
