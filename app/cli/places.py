"""What every command begins with: the person's ledger, settings and name."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from app import paths
from app.core.errors import InvalidInput
from app.services.person import user_name as user_name
from app.services.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.ledger.engine import Ledger
    from app.ledger.glance import Reader

_LATELY = timedelta(days=2)


def ledger_file() -> Path:
    """The person's ledger file; its folder is made if missing. Raises InvalidInput."""
    try:
        return paths.ledger_path()
    except OSError as error:
        raise _no_folder(error) from None


def settings_file() -> Path:
    """The person's settings file; its folder is made if missing. Raises InvalidInput."""
    try:
        return paths.settings_path()
    except OSError as error:
        raise _no_folder(error) from None


def read_settings() -> Settings:
    """The person's settings. Raises InvalidInput."""
    return load_settings(settings_file())


def private_folders() -> list[Path]:
    """Bursar's own folders: ledger, settings and the meter's CA, logs. Raises InvalidInput."""
    try:
        return [paths.data_folder(), paths.config_folder(), paths.log_folder()]
    except OSError as error:
        raise _no_folder(error) from None


def keep_log(name: str) -> None:
    """Send this process's log to a file of that name. For commands that stay; short ones have nothing to log.

    Raises InvalidInput.
    """
    from app.log import set_up_logging

    try:
        set_up_logging(paths.log_folder() / f"{name}.log")
    except OSError as error:
        raise _no_folder(error) from None


@contextmanager
def opened_ledger() -> "Iterator[Ledger]":
    """The person's ledger, closed at the end. Raises LedgerError."""
    from app.ledger.engine import open_ledger  # loads the database library, which --help does not need

    ledger = open_ledger(ledger_file())
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def glanced_ledger() -> "Iterator[Reader]":
    """The person's ledger for one question, without the database library where none of it is needed. Raises
    LedgerError."""
    from app.ledger.glance import glance, is_plain

    if not is_plain(ledger_file()):
        with opened_ledger():
            pass  # it is there now and as it must be, or what is wrong with it was told
    with glance(ledger_file()) as reader:
        yield reader


@contextmanager
def opened_history() -> "Iterator[Ledger]":
    """The person's ledger, its latest imported calls tied to the metered ones that came since, and its prices put in
    force. Raises LedgerError."""
    from app.ledger.imported_calls import link_since
    from app.ledger.price_store import use_prices

    with opened_ledger() as ledger:
        use_prices(ledger)
        link_since(ledger, datetime.now(UTC) - _LATELY)
        yield ledger


def refuse_exposed() -> None:
    """For what stays and keeps files open: raise InvalidInput when others could open one of them."""
    try:
        paths.refuse_exposed(paths.ledger_path())
    except OSError as error:
        raise _no_folder(error) from None


def _no_folder(error: OSError) -> InvalidInput:
    if isinstance(error, paths.OpenToOthers):
        return InvalidInput(error.title, error.message)
    reason = error.strerror or type(error).__name__
    return InvalidInput(
        "Bursar has no folder to write in", f"{error.filename}: {reason}. Make it yours, or set BURSAR_HOME."
    )
