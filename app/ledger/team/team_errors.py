"""What the team's database says, turned into errors that a person can act on: out of reach for now, or refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, TimeoutError

from app.core.errors import InvalidInput, LedgerError, TeamRefused, TeamUnreachable

TRY_AGAIN = ("40001", "40P01")
"""Serialisation failure and deadlock: nothing was done, and the same may be asked again at once."""

_BUSY = ("55P03", "57014", *TRY_AGAIN)
_NO_ENTRY = ("28", "3D", "3F", "42501", "42883")
_REFUSED_WORDS = (
    ("password authentication failed", "The team’s ledger does not take this password",
     "Ask its administrator for a new one, and join again."),
    ("no password supplied", "The team’s ledger asks for a password", "Join again with the one you were sent."),
    ("is not permitted to log in", "You do not belong to this team any more", "Ask its lead."),
    ("certificate", "The team’s server does not prove who it is",
     "Name the certificate of its authority in the setting team_certificate, or ask who runs the server."),
    ("server does not support SSL", "The team’s server does not encrypt",
     "Bursar sends nothing unencrypted over a network. Ask who runs the server to switch TLS on."),
    ("no pg_hba.conf entry", "The team’s server does not let you in from here", "Ask who runs it."),
    ("permission denied for database", "You are not a member of this team", "Ask its lead for an invitation."),
    ("does not exist", "There is no such team", "Compare the address with the one that you were sent."),
)  # fmt: skip


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turn the database's errors into TeamUnreachable, TeamRefused and InvalidInput."""
    try:
        yield
    except TimeoutError as error:
        raise _busy() from error
    except DBAPIError as error:
        said = error_for(error.orig)
        if said is None:
            raise
        raise said from error


def state_of(error: BaseException | None) -> str:
    """The five characters by which PostgreSQL names an error; empty where it gave none."""
    return getattr(error, "sqlstate", None) or ""


def error_for(said: BaseException | None) -> LedgerError | InvalidInput | None:
    """The error for what the database says; None for what only a mistake of ours can make it say."""
    state = state_of(said)
    if state in ("BU001", "BU002"):
        words = getattr(said, "diag", None)
        title, message = getattr(words, "message_primary", "") or "", getattr(words, "message_detail", "") or ""
        return InvalidInput(title, message) if state == "BU001" else TeamRefused(title, message)
    if state in _BUSY:
        return _busy()
    if state.startswith(_NO_ENTRY):
        return TeamRefused("This is not for you to do", "The team’s ledger does not let your role do this. Ask a lead.")
    if state and not state.startswith(("08", "53", "57P", "58")):
        return None
    for sign, title, message in _REFUSED_WORDS:
        if sign in str(said):
            return TeamRefused(title, message)
    return TeamUnreachable(
        "The team’s ledger does not answer", "Its server is down or cannot be reached from here. It is tried again."
    )


def _busy() -> TeamUnreachable:
    return TeamUnreachable("The team’s ledger is busy", "It did not answer in time. It is tried again.")
