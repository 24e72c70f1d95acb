"""Errors that a person may read.

Each carries a `title` (what happened, a few words) and a `message` (what it means and what to do next). Anything else
that escapes is a bug of ours and is logged with a trace. Neither text ever holds a key, a prompt or an answer.
"""


class AppError(Exception):
    """Root of the errors meant for people.

    `title`: what happened, without a full stop. `message`: what to do next, whole sentences.
    """

    def __init__(self, title: str, message: str) -> None:
        super().__init__(f"{title}. {message}")
        self.title = title
        self.message = message

    def __reduce__(self) -> tuple[type["AppError"], tuple[str, str]]:
        return type(self), (self.title, self.message)  # the meter's writer tells of them from another process


def told_of(error: AppError) -> str:
    """Title and message in one line."""
    return f"{error.title}. {error.message}"


class LedgerError(AppError):
    """The ledger cannot be opened, read or written: locked, full, damaged, of a newer version."""


class LedgerDamaged(LedgerError):
    """The ledger's file cannot be made sense of."""


class LedgerGone(LedgerError):
    """There was a ledger, and its file is not there any more or holds nothing."""


class DiskFull(LedgerError):
    """There is no room to write."""


class TeamUnreachable(LedgerError):
    """The team's ledger does not answer: it may by itself in a while."""


class TeamRefused(LedgerError):
    """The team's ledger answers, and does not let this member, this version or this connection in."""


class VaultError(AppError):
    """The system keyring did not do what was asked. What kind is not told apart may pass by itself."""


class VaultLocked(VaultError):
    """The system keyring is locked, or waits for a person."""


class VaultAbsent(VaultError):
    """There is no system keyring, or none that keeps keys safely."""


class KeyMissing(VaultError):
    """The vault has no such key."""


class KeyRejected(AppError):
    """A virtual key is missing, unknown, expired or revoked."""


class InvalidInput(AppError):
    """What a person typed or a file holds cannot be used as it stands."""


class FetchError(AppError):
    """A server did not give what was asked for, or could not be reached."""


class ExportError(AppError):
    """What a receiver elsewhere was to be told did not arrive there."""


class MeterError(AppError):
    """The meter cannot start or cannot be reached: port in use, no such file, not running."""


class SandboxError(AppError):
    """A sandbox was asked for and cannot be had here."""
