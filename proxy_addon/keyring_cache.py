"""Provider keys in the meter's memory: read from the vault in a thread of their own, forgotten when they change.

The keyring may ask the person to unlock it, so calls wait for one question rather than each asking its own.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from app.core.errors import KeyMissing
from app.core.provider_keys import KeyChoice, KeyName
from app.keys.vault import Vault
from app.ledger.group_writer import Operation, Writing
from app.ledger.provider_key_store import note_use

NOTED_EVERY_S = 10.0
"""How often the use of one key is told."""


class ProviderKeys:
    """Reads each key once. To be used on the event loop only; the vault itself is asked elsewhere. Which key a call
    uses is written down by way of `post`, at most once in ten seconds for each."""

    def __init__(self, vault: Vault, post: Callable[[Operation], object]) -> None:
        self._vault = vault
        self._post = post
        self._choice = KeyChoice()
        self._known: dict[KeyName, str] = {}
        self._asking: dict[KeyName, asyncio.Task[str | None]] = {}
        self._noted_at: dict[KeyName, float] = {}

    async def key_of(self, provider: str, project: str = "") -> str:
        """The key for a project's calls to a provider. Raises KeyMissing when there is none, VaultError when the
        keyring cannot be read."""
        name = self._choice.name_for(provider, project)
        key = self._known.get(name) or await asyncio.shield(self._asking.get(name) or self._ask(name))
        if key is None:
            command = f"bursar keys provider set {name.arguments}"
            raise KeyMissing(f"No {name.words} key", f"Add one in Bursar under Keys, or with: {command}")
        self._note(name)
        return key

    def take(self, choice: KeyChoice) -> None:
        """Choose by this from now on. A key that was replaced or removed is read again when next needed, also where it
        is being read at this moment."""
        for name in {*self._known, *self._asking}:
            if choice.added_at.get(name) != self._choice.added_at.get(name):
                self._known.pop(name, None)
                self._asking.pop(name, None)
        self._choice = choice

    def _ask(self, name: KeyName) -> "asyncio.Task[str | None]":
        task = asyncio.get_running_loop().create_task(asyncio.to_thread(self._vault.get, name.entry))
        self._asking[name] = task
        task.add_done_callback(lambda done: self._keep(name, done))
        return task

    def _keep(self, name: KeyName, done: "asyncio.Task[str | None]") -> None:
        if self._asking.get(name) is not done:
            return  # it was replaced while it was read
        del self._asking[name]
        key = None if done.cancelled() or done.exception() is not None else done.result()
        if key is not None:
            self._known[name] = key

    def _note(self, name: KeyName) -> None:
        now = time.monotonic()
        if now - self._noted_at.get(name, -NOTED_EVERY_S) >= NOTED_EVERY_S:
            self._noted_at[name] = now
            self._post(Writing(note_use, name, datetime.now(UTC)))
