"""The vault: where the providers' own keys are kept, one entry a key.

The operating system's keyring, reached in a thread of its own with a time limit: a locked collection asks the person
in a window of its own and blocks its caller for as long as that takes, or for ever where nobody can see the window.
Who has closed that window is not asked by every call again: reading waits until the keyring is open, or a minute.
A key is never written to a plain file, so a backend that would do so is refused.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from app.core.errors import VaultAbsent, VaultError, VaultLocked
from app.keys.secret_service import is_locked

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "bursar"
TIME_LIMIT_S = 20.0
QUIET_S = 60.0
"""How long nobody is asked again to unlock a keyring that does not tell whether it is locked."""
_UNSAFE_MODULES = ("keyrings.alt", "keyring.backends.null")


class Vault(Protocol):
    """Keeps keys by their entries, as `KeyName` gives them. Every method may raise VaultError and may block; never call
    it on the UI thread. `is_lasting`: what is kept outlives this process."""

    is_lasting: bool

    def get(self, entry: str) -> str | None:
        """A key, None when there is none."""

    def set(self, entry: str, key: str) -> None:
        """Keep a key, replacing an earlier one."""

    def delete(self, entry: str) -> None:
        """Forget a key. No error when there is none."""

    def look(self) -> None:
        """Whether keys can be had, without asking anybody. Raises VaultLocked and VaultAbsent where not."""

    def unlock(self) -> None:
        """Ask the person to open it, where it is locked."""


class FixedVault:
    """Keys in memory only: the demo's, tests', and those handed over on standard input."""

    is_lasting = False

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = dict(keys)

    def get(self, entry: str) -> str | None:
        """A key, None when there is none."""
        return self._keys.get(entry)

    def set(self, entry: str, key: str) -> None:
        """Keep a key for the life of this process."""
        self._keys[entry] = key

    def delete(self, entry: str) -> None:
        """Forget a key."""
        self._keys.pop(entry, None)

    def look(self) -> None:
        """It is always open."""

    def unlock(self) -> None:
        """It is always open."""


class KeyringVault:
    """Keys in the operating system's keyring.

    `backend` is the keyring to use; None finds the system's at the first call. `time_limit_s` bounds every call.
    """

    is_lasting = True

    def __init__(self, backend: "KeyringBackend | None" = None, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._backend = backend
        self._time_limit_s = time_limit_s
        self._turn = threading.Lock()
        self._declined_at: float | None = None

    def get(self, entry: str) -> str | None:
        """A key, None when there is none. Raises VaultError. Does not ask a person who has just declined."""

        def read(keyring: "KeyringBackend") -> str | None:
            if self._was_declined(keyring):
                raise _locked()
            return self._asked(keyring, entry)

        return self._ask(read)

    def set(self, entry: str, key: str) -> None:
        """Keep a key, replacing an earlier one. Raises VaultError."""
        self._ask(lambda keyring: keyring.set_password(SERVICE, entry, key))

    def delete(self, entry: str) -> None:
        """Forget a key; nothing happens when there is none. Raises VaultError."""

        def forget(keyring: "KeyringBackend") -> None:
            if keyring.get_password(SERVICE, entry) is not None:
                keyring.delete_password(SERVICE, entry)

        self._ask(forget)

    def look(self) -> None:
        """Whether keys can be had, as far as the keyring tells without asking anybody. Raises VaultLocked, VaultAbsent,
        or VaultError for one that does not answer."""

        def glance(keyring: "KeyringBackend") -> None:
            if _is_none(keyring):
                raise _absent()
            if is_locked(keyring):
                raise _locked()

        self._ask(glance)

    def unlock(self) -> None:
        """Ask the person to open it, where it is locked, also one who has declined before. Raises VaultError."""
        self._ask(lambda keyring: self._asked(keyring, "anthropic"))

    def _asked(self, keyring: "KeyringBackend", entry: str) -> str | None:
        """An entry, which may ask a person to unlock. Whether that person declined is kept in mind."""
        from keyring.errors import InitError, KeyringLocked

        self._declined_at = None
        try:
            return keyring.get_password(SERVICE, entry)
        except (InitError, KeyringLocked):
            self._declined_at = time.monotonic()
            raise

    def _was_declined(self, keyring: "KeyringBackend") -> bool:
        """Whether a person did not want to unlock it, and it is locked still."""
        if self._declined_at is None:
            return False
        told = is_locked(keyring)
        return time.monotonic() - self._declined_at < QUIET_S if told is None else told

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
    raise VaultAbsent(
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
        return _absent()
    if isinstance(error, InitError | KeyringLocked):
        return _locked()
    if isinstance(error, PasswordSetError):
        return VaultError("The keyring did not take the key", "Open it in the system's keyring app, then try again.")
    return VaultError(
        "The keyring did not answer",
        f"It failed with {type(error).__name__}. See that the system keyring runs, then try again.",
    )


def _is_none(backend: "KeyringBackend") -> bool:
    return type(backend).__module__ == "keyring.backends.fail"


def _locked() -> VaultLocked:
    return VaultLocked(
        "The keyring is locked",
        "Calls wait for it. Unlock it in the window that asks, in Bursar under Keys, or by signing in again.",
    )


def _absent() -> VaultAbsent:
    return VaultAbsent(
        "No keyring on this desktop",
        "Bursar keeps no key in a plain file. Install GNOME Keyring, KWallet or KeePassXC, sign in again, and add the "
        "key. Without a desktop, see “Without a desktop” in the README.",
    )
