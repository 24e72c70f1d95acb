"""What a person can order about the providers' own keys: all that asks the keyring, off the UI thread.

The keyring may keep its caller waiting for as long as a person looks for a password, so this work has a thread of its
own and other orders, such as an approval, never stand behind it.
"""

import os
from collections.abc import Callable
from pathlib import Path

from app.core.errors import AppError
from app.core.provider_keys import KeyName, Trial
from app.desktop.tasks import Tasks
from app.keys.vault import Vault
from app.ledger import provider_key_store
from app.ledger.engine import Ledger
from app.services.doctor.ways_around import own_settings, places_of
from app.services.found_keys import FoundKey, Moved, can_remove, find_keys, move_key, suggested_label
from app.services.provider_keys import KeyRing, keep_key, prove_key, remove_key, replace_key
from app.services.settings import load_settings

type Done = Callable[[], None]
type Failed = Callable[[AppError], None]


def _nothing() -> None:
    """For orders whose outcome shows by itself in the next snapshot."""


class KeyCommands:
    """Orders. `done` and `failed` are called back on the UI thread; the feed shows what changed in the ledger."""

    def __init__(self, ledger: Ledger, vault: Vault, lane: Tasks, settings_file: Path) -> None:
        self._ledger = ledger
        self._vault = vault
        self._lane = lane
        self._settings_file = settings_file
        self._is_looking = False

    def keep(self, name: KeyName, key: str, done: Done, failed: Failed) -> None:
        """Put a key into the keyring, replacing one of that name."""
        self._do(lambda: keep_key(self._ring(), name, key), failed, done)

    def replace(self, name: KeyName, key: str, done: Done, failed: Failed, *, is_forced: bool = False) -> None:
        """Put a new key in the place of an old one, once the provider takes it."""
        self._lane.run(
            lambda: replace_key(self._ring(), name, key, is_forced=is_forced), lambda _trial: done(), failed
        )  # fmt: skip

    def prove(self, name: KeyName, done: Callable[[Trial], None], failed: Failed) -> None:
        """Ask the provider whether it takes the key."""
        self._lane.run(lambda: prove_key(self._ring(), name), done, failed)

    def remove(self, name: KeyName, failed: Failed, done: Done = _nothing) -> None:
        """Take a key out of the keyring."""
        self._do(lambda: remove_key(self._ring(), name), failed, done)

    def use(self, name: KeyName, project: str, done: Done, failed: Failed) -> None:
        """Let a project's calls use this key; without a project, all that were told no other."""

        def work() -> None:
            if project:
                provider_key_store.set_project_key(self._ledger, project, name)
            else:
                provider_key_store.set_default_key(self._ledger, name)

        self._do(work, failed, done)

    def look(self, done: Done, failed: Failed) -> None:
        """Whether the keyring can be used, asking nobody. Dropped while the last look is under way."""
        if self._is_looking:
            return
        self._is_looking = True

        def ended(tell: Done) -> None:
            self._is_looking = False
            tell()

        self._lane.run(self._vault.look, lambda _none: ended(done), lambda error: ended(lambda: failed(error)))

    def unlock(self, done: Done, failed: Failed) -> None:
        """Ask the person to open the keyring."""
        self._do(self._vault.unlock, failed, done)

    def find(self, done: Callable[[list[FoundKey]], None], failed: Failed) -> None:
        """The keys that stand in the clear: in this program's environment, the shell's profiles, agents' settings. None
        where they could not be moved, as in the demo."""

        def work() -> list[FoundKey]:
            if not self._vault.is_lasting:
                return []
            where = places_of(os.environ, Path.home())
            gateway_url = f"http://127.0.0.1:{load_settings(self._settings_file).gateway_port}"
            return find_keys(os.environ, where.home, own_settings(where), gateway_url)

        self._lane.run(work, done, failed)

    def suggest(self, found: FoundKey, done: Callable[[str, bool], None], failed: Failed) -> None:
        """A label for a found key, and whether its line can be taken out of its file."""
        self._lane.run(
            lambda: (suggested_label(self._ring(), found), can_remove(found)), lambda told: done(*told), failed
        )  # fmt: skip

    def move(
        self, found: FoundKey, label: str, *, removes_line: bool, done: Callable[[Moved], None], failed: Failed
    ) -> None:
        """Put a found key into the keyring, and take its line out of its file when asked."""
        self._lane.run(
            lambda: move_key(self._ring(), found, os.environ, label=label, removes_line=removes_line), done, failed
        )  # fmt: skip

    def _ring(self) -> KeyRing:
        return KeyRing(self._ledger, self._vault, load_settings(self._settings_file).upstreams)

    def _do(self, work: Callable[[], None], failed: Failed, done: Done) -> None:
        self._lane.run(work, lambda _none: done(), failed)
