"""Makes pictures the same each time: the windows' clocks stand still, and ids and keys come from a fixed seed."""

import random
import secrets
import string
import sys
from datetime import UTC, datetime, timedelta, tzinfo
from types import SimpleNamespace
from typing import ClassVar, Self

from app.ledger import identifiers

_WINDOWS = "app.desktop."
_TOLD = ("app.ledger.price_store", "app.ledger.key_store")
"""Where else a time is taken that the windows tell."""
_STANDS_SINCE_S = 1_000.0
_NS_PER_MS = 1_000_000


class StillTime(datetime):
    """A `datetime` whose present is one moment."""

    moment: ClassVar[datetime]

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """That moment."""
        told = cls.moment.astimezone(tz or UTC)
        return cls(told.year, told.month, told.day, told.hour, told.minute, told.second, tzinfo=told.tzinfo)


class _Ticks:
    """A clock for ids that goes on by a millisecond each time it is read, so that ids sort as they were made."""

    def __init__(self, start: datetime) -> None:
        self._ns = int(start.timestamp() * 1_000) * _NS_PER_MS

    def time_ns(self) -> int:
        self._ns += _NS_PER_MS
        return self._ns


def stand_still(at: datetime) -> None:
    """The clock of everything under app.desktop that was imported so far, and of what it tells, stands at `at`. Only
    the sense of elapsed time goes on, where it does not show."""
    StillTime.moment = at
    for name, module in list(sys.modules.items()):
        if (name.startswith(_WINDOWS) or name in _TOLD) and getattr(module, "datetime", None) is datetime:
            setattr(module, "datetime", StillTime)  # noqa: B010 - a module knows no such attribute by its type
    overview = sys.modules[_WINDOWS + "pages.overview"]
    setattr(overview, "time", SimpleNamespace(monotonic=lambda: _STANDS_SINCE_S))  # noqa: B010


def sow(seed: int, at: datetime) -> None:
    """Ids, tokens and keys made from now on are the same each time."""
    dice = random.Random(seed)
    secrets.token_hex = lambda nbytes=None: dice.randbytes(nbytes or 32).hex()
    secrets.token_bytes = lambda nbytes=None: dice.randbytes(nbytes or 32)
    secrets.choice = dice.choice
    setattr(identifiers, "time", _Ticks(at - timedelta(days=1)))  # noqa: B010 - it stands in for a module


def sample_token(seed: int) -> str:
    """What a virtual key looks like; it is none."""
    dice = random.Random(seed)
    return "bsr_" + "".join(dice.choices(string.ascii_letters + string.digits, k=38))
