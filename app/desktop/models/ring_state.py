"""What the ring says: how far the tightest cap is used, and what stands over that."""

from dataclasses import dataclass
from enum import StrEnum

from app.desktop.models.cap_view import CapView, cap_views
from app.desktop.models.snapshot import Snapshot
from app.ledger.cap_store import Level


class RingKind(StrEnum):
    """The shapes of the ring."""

    FINE = "fine"
    NEAR = "near"
    AT = "at"
    PAUSED = "paused"
    NO_CAP = "no cap"
    UNKNOWN = "unknown"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class RingState:
    """A shape, the share used (0 to 1), whether a person is asked, and the whole in words."""

    kind: RingKind
    share: float = 0.0
    is_asked: bool = False
    words: str = ""


STARTING = RingState(RingKind.DOWN, words="The meter is not running")

_LEVEL_WORDS = {Level.FINE: "", Level.NEAR: ", near its cap", Level.AT: ", at its cap"}
_KINDS = {Level.FINE: RingKind.FINE, Level.NEAR: RingKind.NEAR, Level.AT: RingKind.AT}


def ring_of(snapshot: Snapshot) -> RingState:
    """The ring of a reading."""
    is_asked = bool(snapshot.waiting)
    if snapshot.meter is None:
        return STARTING
    views = cap_views(snapshot)
    if not views:
        kind = RingKind.PAUSED if snapshot.is_paused else RingKind.NO_CAP
        return RingState(kind, is_asked=is_asked, words="Everything is paused" if snapshot.is_paused else "No cap")
    tightest = views[0]
    share = min(1.0, tightest.status.share)
    if snapshot.is_paused:
        return RingState(RingKind.PAUSED, share, is_asked, "Everything is paused")
    kind = RingKind.UNKNOWN if _cannot_be_told(tightest) else _KINDS[tightest.level]
    words = f"Tightest cap: {tightest.name}, {round(share * 100)} percent used{_LEVEL_WORDS[tightest.level]}"
    return RingState(kind, share, is_asked, words)


def _cannot_be_told(tightest: CapView) -> bool:
    """Nothing known is spent in it, and calls without a price are: how tight it is, nobody can say."""
    return tightest.status.has_unpriced and tightest.status.spent_nano_usd == 0
