"""Whether the Secret Service (GNOME Keyring, KWallet, KeePassXC) is locked, asked so that it asks nobody.

Reading a key from a locked collection opens a window before the person. This only reads a property.
"""

from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_BACKEND = "keyring.backends.SecretService"
_DEFAULT = "default"


def is_locked(backend: "KeyringBackend") -> bool | None:
    """Whether the collection that `backend` keeps keys in is locked; None where that cannot be told.

    A service without a collection is not locked: it makes one for the first key. Blocks; raises what the bus raises.
    """
    if type(backend).__module__ != _BACKEND:
        return None
    import secretstorage  # there where that backend is

    chosen = getattr(backend, "preferred_collection", None)
    with closing(secretstorage.dbus_init()) as connection:
        try:
            if chosen is not None:
                return secretstorage.Collection(connection, chosen).is_locked()
            return secretstorage.get_collection_by_alias(connection, _DEFAULT).is_locked()
        except secretstorage.ItemNotFoundException:
            return False
