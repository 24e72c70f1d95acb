"""Provider keys in the meter's memory: read from the vault in a thread of their own, forgotten when they change.

The keyring may ask the person to unlock it, so calls wait for one question rather than each asking its own.
"""

import asyncio

from app.core.errors import VaultError
from app.keys.vault import Vault


class ProviderKeys:
    """Reads each provider's key once. To be used on the event loop only; the vault itself is asked elsewhere."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: dict[str, str] = {}
        self._asking: dict[str, asyncio.Task[str | None]] = {}

    async def key_of(self, provider: str) -> str:
        """The provider's key. Raises VaultError when there is none, or the keyring cannot be read."""
        if provider not in self._known:
            key = await self._ask(provider)
            if key is None:
                raise VaultError(
                    f"No {provider} key", f"Add one in Bursar under Keys, or with: bursar keys provider set {provider}"
                )
            self._known[provider] = key
        return self._known[provider]

    def forget(self) -> None:
        """Read all keys again when next needed: one was replaced or removed."""
        self._known.clear()

    async def _ask(self, provider: str) -> str | None:
        task = self._asking.get(provider)
        if task is None:
            task = asyncio.get_running_loop().create_task(asyncio.to_thread(self._vault.get, provider))
            self._asking[provider] = task
            task.add_done_callback(lambda _done: self._asking.pop(provider, None))
        return await asyncio.shield(task)
