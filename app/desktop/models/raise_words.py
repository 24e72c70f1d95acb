"""Raising a cap's running window: which one, by how much it is suggested, and until when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from app.core.money import NANO_PER_USD
from app.desktop.models.cap_view import CapView

ROOM_BEYOND_NEED = 5


class Raisable(Protocol):
    """A running window that can be raised: the one that a waiting call met, or one that a person chose. Amounts in
    nano-dollars; `worst_nano_usd` is what the next call needs, None where nobody knows."""

    @property
    def cap_id(self) -> str: ...
    @property
    def cap_name(self) -> str: ...
    @property
    def window_key(self) -> str: ...
    @property
    def spent_nano_usd(self) -> int: ...
    @property
    def limit_nano_usd(self) -> int: ...
    @property
    def worst_nano_usd(self) -> int | None: ...
    @property
    def is_team(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ChosenWindow:
    """The running window of a cap that a person raises though no call waits."""

    cap_id: str
    cap_name: str
    window_key: str
    spent_nano_usd: int
    limit_nano_usd: int
    is_team: bool
    worst_nano_usd: int | None = None


def running_window(view: CapView) -> ChosenWindow:
    """The window that a row about a cap shows."""
    status = view.status
    return ChosenWindow(
        view.cap_id, view.name, status.window_key, status.spent_nano_usd, status.limit_nano_usd, bool(view.team)
    )


def suggested_limit(raised: Raisable) -> str:
    """A raise that makes room for a few such calls, in whole dollars above the limit, as it is typed."""
    need = (raised.worst_nano_usd or 0) * ROOM_BEYOND_NEED
    wanted = max(raised.spent_nano_usd + need, raised.limit_nano_usd * 6 // 5, raised.limit_nano_usd + 1)
    dollars = -(-wanted // NANO_PER_USD)
    return f"{Decimal(dollars):.2f}"


def until_choices(now: datetime, zone: ZoneInfo) -> tuple[tuple[str, datetime | None], ...]:
    """Ends that a raise may have, in words; None is the end of the cap's own window."""
    here = now.astimezone(zone)
    midnight = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (
        ("until this window ends", None),
        ("for one hour", now + timedelta(hours=1)),
        ("for four hours", now + timedelta(hours=4)),
        ("until midnight", midnight),
    )
