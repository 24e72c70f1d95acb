"""Instants as the ledger keeps them, whole microseconds since 1970, and the quarters of an hour that calls are summed
by."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
"""The finest step that the days of every time zone are made of."""
_MICROSECOND = timedelta(microseconds=1)
QUARTER_MICROS = QUARTER // _MICROSECOND


def micros(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant, exactly."""
    return (instant - EPOCH) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """An instant, read back."""
    return EPOCH + microseconds * _MICROSECOND
