"""The vault: where the providers' own keys are kept, one entry a provider.

The operating system's keyring, reached in a thread of its own with a time limit: a locked collection asks the person
in a window of its own and blocks its caller for as long as that takes, or for ever where nobody can see the window.
A key is never written to a plain file, so a backend that would do so is refused.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from app.core.errors import VaultError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "bursar"
TIME_LIMIT_S = 20.0
_UNSAFE_MODULES = ("keyrings.alt", "keyring.backends.null")


class Vault(Protocol):
    """Keeps one key a provider. Every method may raise VaultError and may block; never call it on the UI thread."""

    def get(self, provider: str) -> str | None:
        """The provider's key, None when there is none."""

    def set(self, provider: str, key: str) -> None:
        """Keep the provider's key, replacing an earlier one."""

    def delete(self, provider: str) -> None:
        """Forget the provider's key. No error when there is none."""


class FixedVault:
    """Keys in memory only: the demo's, tests', and those handed over on standard input."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = dict(keys)

    def get(self, provider: str) -> str | None:
        """The provider's key, None when there is none."""
        return self._keys.get(provider)

    def set(self, provider: str, key: str) -> None:
        """Keep the provider's key for the life of this process."""
        self._keys[provider] = key

    def delete(self, provider: str) -> None:
        """Forget the provider's key."""
        self._keys.pop(provider, None)


class KeyringVault:
    """Keys in the operating system's keyring.

    `backend` is the keyring to use; None finds the system's at the first call. `time_limit_s` bounds every call.
    """

    def __init__(self, backend: "KeyringBackend | None" = None, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._backend = backend
        self._time_limit_s = time_limit_s
        self._turn = threading.Lock()

    def get(self, provider: str) -> str | None:
        """The provider's key, None when there is none. Raises VaultError."""
        return self._ask(lambda keyring: keyring.get_password(SERVICE, provider))

    def set(self, provider: str, key: str) -> None:
        """Keep the provider's key, replacing an earlier one. Raises VaultError."""
        self._ask(lambda keyring: keyring.set_password(SERVICE, provider, key))

    def delete(self, provider: str) -> None:
        """Forget the provider's key; nothing happens when there is none. Raises VaultError."""

        def forget(keyring: "KeyringBackend") -> None:
            if keyring.get_password(SERVICE, provider) is not None:
                keyring.delete_password(SERVICE, provider)

        self._ask(forget)

    def _ask[T](self, question: Callable[["KeyringBackend"], T]) -> T:
        """Put one question to the keyring in a thread; one at a time, so that hanging ones do not pile up."""
        if not self._turn.acquire(timeout=self._time_limit_s):
            raise _locked()
        answers: queue.SimpleQueue[tuple[T | None, Exception | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                answers.put((question(self._find_backend()), None))
            except Exception as error:  # noqa: BLE001 - a backend may raise anything; it is translated by the asker
                answers.put((None, error))
            finally:
                self._turn.release()

        # A daemon thread: one that hangs for ever must not keep the program from ending.
        threading.Thread(target=work, name="keyring", daemon=True).start()
        try:
            answer, error = answers.get(timeout=self._time_limit_s)
        except queue.Empty:
            raise _locked() from None
        if error is not None:
            raise _translate(error) from None
        return answer  # type: ignore[return-value]

    def _find_backend(self) -> "KeyringBackend":
        if self._backend is None:
            import keyring  # here, in the worker: finding the system's keyring talks to the session bus

            self._backend = keyring.get_keyring()
        return _safe(self._backend)


def _safe(backend: "KeyringBackend") -> "KeyringBackend":
    """The backend itself, or the first safe one of a chain. Raises VaultError when none keeps keys safely."""
    chained: list[KeyringBackend] = list(getattr(backend, "backends", ())) or [backend]
    for candidate in chained:
        module = type(candidate).__module__
        if not module.startswith(_UNSAFE_MODULES) and "plaintext" not in type(candidate).__name__.lower():
            return candidate
    raise VaultError(
        "The keyring in use is not safe",
        f"“{type(chained[0]).__module__}” keeps keys in a plain file or not at all, and Bursar keeps no key that way. "
        "Choose the system keyring (unset PYTHON_KEYRING_BACKEND or mend keyringrc.cfg), then try again.",
    )


def _translate(error: Exception) -> VaultError:
    """What a backend's error means to a person. The backend's own words are left out: they may quote the key."""
    from keyring.errors import InitError, KeyringLocked, NoKeyringError, PasswordSetError

    if isinstance(error, VaultError):
        return error
    if isinstance(error, NoKeyringError):
        return VaultError(
            "No keyring on this desktop",
            "No keyring on this desktop, and Bursar keeps no key in a plain file. Install GNOME Keyring, KWallet or "
            "KeePassXC, sign in again, and add the key. Without a desktop: bursar proxy --keys-from-stdin.",
        )
    if isinstance(error, InitError | KeyringLocked):
        return _locked()
    if isinstance(error, PasswordSetError):
        return VaultError("The keyring did not take the key", "Open it in the system's keyring app, then try again.")
    return VaultError(
        "The keyring did not answer",
        f"It failed with {type(error).__name__}. See that the system keyring runs, then try again.",
    )


def _locked() -> VaultError:
    return VaultError(
        "The keyring is locked", "Calls wait for it. Unlock it in the window that asks, or sign in again."
    )
