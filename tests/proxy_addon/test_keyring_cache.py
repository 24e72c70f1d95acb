import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from app.core.errors import KeyMissing, VaultLocked
from app.core.provider_keys import KeyName, ProviderKey, choice_among
from app.keys.vault import FixedVault
from proxy_addon.keyring_cache import ProviderKeys

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OWN, TEAM = KeyName("openai"), KeyName("openai", "team")


class SlowVault(FixedVault):
    """Answers with what it has at the time of the question, once `may_answer` is set."""

    def __init__(self, keys: dict[str, str]) -> None:
        super().__init__(keys)
        self.asked: list[str] = []
        self.begun = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def get(self, entry: str) -> str | None:
        self.asked.append(entry)
        found = super().get(entry)
        self.begun.set()
        self.may_answer.wait()
        return found


def keys_of(vault: FixedVault) -> tuple[ProviderKeys, list[object]]:
    posted: list[object] = []
    return ProviderKeys(vault, posted.append), posted


def own_and_team(added_at: datetime = NOW) -> list[ProviderKey]:
    return [ProviderKey(OWN, added_at, is_default=True), ProviderKey(TEAM, NOW, False, projects=("billing-api",))]


def test_each_project_gets_its_own_key_and_each_key_is_read_once() -> None:
    vault = SlowVault({"openai": "sk-own", "openai/team": "sk-team"})
    keys, posted = keys_of(vault)

    async def ask() -> list[str]:
        keys.take(choice_among(own_and_team()))
        projects = ("", "web-shop", "billing-api", "billing-api")
        return [await keys.key_of("openai", project) for project in projects]

    assert asyncio.run(ask()) == ["sk-own", "sk-own", "sk-team", "sk-team"]
    assert vault.asked == ["openai", "openai/team"]
    assert len(posted) == 2


def test_calls_that_come_together_ask_the_vault_once() -> None:
    vault = SlowVault({"openai": "sk-own"})
    keys, _ = keys_of(vault)

    async def ask() -> list[str]:
        return await asyncio.gather(*(keys.key_of("openai") for _ in range(20)))

    assert set(asyncio.run(ask())) == {"sk-own"}
    assert vault.asked == ["openai"]


def test_a_replaced_key_is_read_again_and_the_others_are_not() -> None:
    vault = SlowVault({"openai": "sk-old", "openai/team": "sk-team"})
    keys, _ = keys_of(vault)

    async def ask() -> list[str]:
        keys.take(choice_among(own_and_team()))
        told = [await keys.key_of("openai"), await keys.key_of("openai", "billing-api")]
        vault.set("openai", "sk-new")
        keys.take(choice_among(own_and_team(NOW + timedelta(seconds=1))))
        return [*told, await keys.key_of("openai"), await keys.key_of("openai", "billing-api")]

    assert asyncio.run(ask()) == ["sk-old", "sk-team", "sk-new", "sk-team"]
    assert vault.asked == ["openai", "openai/team", "openai"]


def test_a_key_that_is_replaced_while_it_is_read_is_not_kept() -> None:
    vault = SlowVault({"openai": "sk-old"})
    keys, _ = keys_of(vault)

    async def ask() -> list[str]:
        keys.take(choice_among(own_and_team()))
        vault.may_answer.clear()
        early = asyncio.ensure_future(keys.key_of("openai"))
        await asyncio.to_thread(vault.begun.wait)
        vault.set("openai", "sk-new")
        keys.take(choice_among(own_and_team(NOW + timedelta(seconds=1))))
        vault.may_answer.set()
        return [await early, await keys.key_of("openai")]

    assert asyncio.run(ask()) == ["sk-old", "sk-new"]


def test_a_missing_key_is_told_with_the_command_that_adds_it_and_looked_for_again() -> None:
    vault = SlowVault({})
    keys, posted = keys_of(vault)

    async def ask() -> str:
        keys.take(choice_among(own_and_team()))
        with pytest.raises(KeyMissing, match=r"bursar keys provider set openai$"):
            await keys.key_of("openai")
        with pytest.raises(KeyMissing, match=r"No openai, team key.*set openai --label team$"):
            await keys.key_of("openai", "billing-api")
        vault.set("openai", "sk-late")
        return await keys.key_of("openai")

    assert asyncio.run(ask()) == "sk-late"
    assert len(posted) == 1


def test_a_locked_vault_is_asked_again_by_the_next_call() -> None:
    class Locked(FixedVault):
        is_open = False

        def get(self, entry: str) -> str | None:
            if not self.is_open:
                raise VaultLocked("The keyring is locked", "Unlock it.")
            return super().get(entry)

    vault = Locked({"openai": "sk-own"})
    keys, _ = keys_of(vault)

    async def ask() -> str:
        for _ in range(2):
            with pytest.raises(VaultLocked):
                await keys.key_of("openai")
        vault.is_open = True
        return await keys.key_of("openai")

    assert asyncio.run(ask()) == "sk-own"
