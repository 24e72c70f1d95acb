"""Who holds a virtual key, remembered, so that a call need not ask the ledger before its money is held.

What is remembered decides nothing by itself: the transaction that admits a call asks the ledger again, and a call whose
key means somebody else by then is judged anew. Whoever is refused is refused by the ledger as it is at that moment.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.errors import KeyRejected
from app.keys.virtual_keys import fingerprint, looks_like_virtual_key
from app.ledger.group_writer import Desk, Writing
from app.ledger.key_store import KeyHolder, holder_of
from proxy_addon.identify import KEY_HEADER, Caller
from proxy_addon.recorder import Recorder

_MOST = 1_000


class HolderChanged(KeyRejected):
    """A key no longer means what was remembered of it."""


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """Asks, within a transaction, whether the key with this fingerprint still means `holder`."""

    mark: str
    holder: KeyHolder

    def __call__(self, desk: Desk, now: datetime) -> None:
        """Raises KeyRejected, and HolderChanged where it is another holder now."""
        if holder_of(desk.connection, self.mark, now) != self.holder:
            raise HolderChanged("Key changed", "What this virtual key stands for was changed. Send the call again.")


class Holders:
    """Used by the meter's event loop alone."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._known: dict[str, KeyHolder] = {}

    def known(self, caller: Caller) -> KeyHolder | None:
        """What is remembered of a caller."""
        return self._known.get(fingerprint(caller.token))

    def forget(self, caller: Caller) -> None:
        """Nothing is remembered of a caller any more."""
        self._known.pop(fingerprint(caller.token), None)

    async def ask(self, caller: Caller) -> KeyHolder:
        """Who sent a request, by the ledger. Raises KeyRejected."""
        if not caller.token:
            told = f" A key or login of your own needs a virtual key beside it, in {KEY_HEADER}."
            raise KeyRejected(
                "No virtual key",
                "This agent has no Bursar key. Start it with: bursar run -- COMMAND"
                + (f".{told}" if caller.holds_own_key else ""),
            )
        if not looks_like_virtual_key(caller.token):
            raise KeyRejected("Not a virtual key", "The key is cut short or mistyped. See: bursar keys list")
        self.forget(caller)
        mark = fingerprint(caller.token)
        holder = await self._recorder.run(Writing(holder_of, mark, datetime.now(UTC)))
        while len(self._known) >= _MOST:
            self._known.pop(next(iter(self._known)))
        self._known[mark] = holder
        return holder

    def check(self, caller: Caller, holder: KeyHolder) -> KeyCheck:
        """What asks the ledger again for a caller who was taken for `holder`."""
        return KeyCheck(fingerprint(caller.token), holder)
