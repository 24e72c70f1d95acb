"""Writing what stands beside a call, in the transaction that settles it, without putting the call at risk."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from app.ledger.statement import savepoint

logger = logging.getLogger(__name__)


@contextmanager
def beside_the_call(connection: Connection, what: str) -> Iterator[None]:
    """Write within a savepoint. What goes wrong with the block alone is logged, naming `what`, and taken back: a call
    is settled whatever stands beside it. A disk or ledger that fails raises as ever."""
    try:
        with savepoint(connection):
            yield
    except (OSError, ValueError, TypeError, LookupError, ArithmeticError, IntegrityError) as error:
        logger.warning("%s could not be written down: %s", what, type(error).__name__)
