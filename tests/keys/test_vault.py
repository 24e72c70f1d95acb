import os
import subprocess
import sys
import threading
import time

import keyring.backend
import keyring.core
import pytest
from keyring.backends import chainer
from keyring.errors import InitError, KeyringLocked, PasswordSetError

from app.core.errors import VaultAbsent, VaultError, VaultLocked
from app.keys.vault import FixedVault, KeyringVault, Vault
from tests.secret_service import lock_keyring, unlock_keyring

KEY = "sk-ant-a-provider-key-that-must-not-show"


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring that works, in memory. Without a priority, so that no search for keyrings ever finds it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


class PlaintextKeyring(MemoryKeyring):
    """Named like the one of keyrings.alt that writes a plain file."""


class FailingKeyring(MemoryKeyring):
    """A keyring whose every answer is an error that quotes the key."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error


class HangingKeyring(MemoryKeyring):
    """A keyring that asks a person who does not answer until `answered` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = threading.Event()
        self.asked = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self.answered.wait()
        return super().get_password(service, username)


class DecliningKeyring(MemoryKeyring):
    """A keyring that asks a person who closes its window, until `is_willing`."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.is_willing = False

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if not self.is_willing:
            raise KeyringLocked("Failed to unlock the collection!")
        return super().get_password(service, username)


def _named(name: str) -> keyring.backend.KeyringBackend:
    return keyring.core.load_keyring(name)


@pytest.mark.parametrize("vault", [FixedVault({}), KeyringVault(MemoryKeyring())], ids=["fixed", "keyring"])
def test_a_key_is_kept_replaced_and_forgotten(vault: Vault) -> None:
    assert vault.get("anthropic") is None
    vault.set("anthropic", "first")
    vault.set("anthropic", KEY)
    vault.set("openai", "other")
    assert vault.get("anthropic") == KEY
    vault.delete("anthropic")
    vault.delete("anthropic")
    assert vault.get("anthropic") is None
    assert vault.get("openai") == "other"


def test_the_entries_stand_under_one_service_name() -> None:
    backend = MemoryKeyring()
    KeyringVault(backend).set("anthropic", KEY)
    assert backend.entries == {("bursar", "anthropic"): KEY}


@pytest.mark.parametrize(
    ("backend", "title"),
    [
        (_named("keyring.backends.fail.Keyring"), "No keyring on this desktop"),
        (_named("keyring.backends.null.Keyring"), "The keyring in use is not safe"),
        (PlaintextKeyring(), "The keyring in use is not safe"),
        (FailingKeyring(InitError(KEY)), "The keyring is locked"),
        (FailingKeyring(KeyringLocked(KEY)), "The keyring is locked"),
        (FailingKeyring(PasswordSetError(KEY)), "The keyring did not take the key"),
        (FailingKeyring(RuntimeError(KEY)), "The keyring did not answer"),
    ],
)
def test_a_keyring_that_cannot_keep_a_key_is_told_in_words_without_the_key(
    backend: keyring.backend.KeyringBackend, title: str
) -> None:
    with pytest.raises(VaultError) as raised:
        KeyringVault(backend).set("anthropic", KEY)
    assert raised.value.title == title
    assert raised.value.message.endswith((".", ".)"))
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None


def test_of_several_keyrings_the_first_safe_one_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    safe = MemoryKeyring()
    monkeypatch.setattr(chainer.ChainerBackend, "backends", [PlaintextKeyring(), safe])
    KeyringVault(_named("keyring.backends.chainer.ChainerBackend")).set("anthropic", KEY)
    assert safe.entries == {("bursar", "anthropic"): KEY}


def test_a_keyring_that_hangs_is_given_up_and_asked_again_only_when_it_has_answered() -> None:
    backend = HangingKeyring()
    backend.entries["bursar", "anthropic"] = KEY
    vault = KeyringVault(backend, time_limit_s=0.1)
    for _ in range(3):
        started = time.monotonic()
        with pytest.raises(VaultError, match="locked"):
            vault.get("anthropic")
        assert time.monotonic() - started < 5
    assert backend.asked == 1
    backend.answered.set()
    assert KeyringVault(backend).get("anthropic") == KEY


def test_the_program_can_end_while_the_keyring_hangs() -> None:
    code = """
import threading, keyring.backend
from app.core.errors import VaultAbsent, VaultError, VaultLocked
from app.keys.vault import KeyringVault
class Hanging(keyring.backend.KeyringBackend):
    priority = 1
    def get_password(self, service, username):
        threading.Event().wait()
    set_password = delete_password = None
try:
    KeyringVault(Hanging(), time_limit_s=0.1).get("anthropic")
except VaultError as error:
    print(error.title)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "The keyring is locked"


ASK = """
from app.core.errors import VaultAbsent, VaultError, VaultLocked
from app.keys.vault import KeyringVault
try:
    print(KeyringVault().get("anthropic"))
except VaultError as error:
    print(error.title)
"""


def _say(code: str, environment: dict[str, str] | None = None) -> str:
    """What a Python process of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True, env=environment
    )
    return done.stdout.strip()


@pytest.mark.keyring
def test_a_real_secret_service_keeps_a_key_for_other_processes_until_it_is_locked(secret_service: None) -> None:
    vault = KeyringVault()
    assert vault.get("anthropic") is None
    vault.set("anthropic", KEY)
    assert vault.get("anthropic") == KEY
    assert _say(ASK) == KEY
    lock_keyring()
    assert _say(ASK) == "The keyring is locked"


@pytest.mark.keyring
def test_whether_a_real_secret_service_is_locked_is_seen_without_asking_anybody(secret_service: None) -> None:
    vault = KeyringVault()
    vault.look()
    vault.set("anthropic", KEY)
    vault.look()
    lock_keyring()
    with pytest.raises(VaultLocked):
        vault.look()
    unlock_keyring()
    vault.look()
    assert vault.get("anthropic") == KEY


@pytest.mark.keyring
def test_a_real_secret_service_forgets_a_key(secret_service: None) -> None:
    vault = KeyringVault()
    vault.set("anthropic", KEY)
    vault.delete("anthropic")
    vault.delete("anthropic")
    assert vault.get("anthropic") is None


def test_who_does_not_want_to_unlock_is_not_asked_by_every_call() -> None:
    backend = DecliningKeyring()
    backend.entries["bursar", "anthropic"] = KEY
    vault = KeyringVault(backend)
    for _ in range(5):
        with pytest.raises(VaultLocked):
            vault.get("anthropic")
    assert backend.asked == 1
    backend.is_willing = True
    with pytest.raises(VaultLocked):
        vault.get("anthropic")
    vault.unlock()
    assert backend.asked == 2
    assert vault.get("anthropic") == KEY


def test_after_a_minute_a_keyring_that_tells_nothing_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = DecliningKeyring()
    vault = KeyringVault(backend)
    for quiet_s in (60.0, 0.0):
        monkeypatch.setattr("app.keys.vault.QUIET_S", quiet_s)
        for _ in range(2):
            with pytest.raises(VaultLocked):
                vault.get("anthropic")
    assert backend.asked == 3


@pytest.mark.parametrize(
    ("backend", "error"),
    [
        (_named("keyring.backends.fail.Keyring"), VaultAbsent),
        (_named("keyring.backends.null.Keyring"), VaultAbsent),
        (PlaintextKeyring(), VaultAbsent),
    ],
)
def test_a_look_tells_that_there_is_no_keyring(
    backend: keyring.backend.KeyringBackend, error: type[VaultError]
) -> None:
    with pytest.raises(error):
        KeyringVault(backend).look()
    KeyringVault(MemoryKeyring()).look()
    FixedVault({}).look()


def test_without_a_session_bus_there_is_no_keyring() -> None:
    ours = ("DBUS", "XDG", "DISPLAY", "PYTHON_KEYRING")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment["DBUS_SESSION_BUS_ADDRESS"] = "unix:path=/nowhere/bus"
    assert _say(ASK, environment) == "No keyring on this desktop"
