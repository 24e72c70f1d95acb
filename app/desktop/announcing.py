"""What a screen reader says aloud by itself: a call that waits, the meter gone or back, what can be undone. No more,
and never a ticking number."""

from collections.abc import Iterator
from enum import Enum

from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

from app.desktop.models.approval_view import up_to
from app.desktop.models.snapshot import Snapshot, agent_word


class Tone(Enum):
    """Whether it breaks into what is being said, or waits for its end."""

    ASSERTIVE = QAccessible.AnnouncementPoliteness.Assertive
    POLITE = QAccessible.AnnouncementPoliteness.Polite


def announce(about: QObject, words: str, tone: Tone) -> None:
    """Have it said, where a screen reader listens."""
    event = QAccessibleAnnouncementEvent(about, words)
    event.setPoliteness(tone.value)
    QAccessible.updateAccessibility(event)


def news(before: Snapshot | None, now: Snapshot) -> Iterator[str]:
    """What is to be said of a reading after the one before it; nothing of the first."""
    if before is None:
        return
    known = {call.approval_id for call in before.waiting}
    fresh = [call for call in now.waiting if call.approval_id not in known]
    if len(fresh) == 1:
        call = fresh[0]
        most = up_to(call.worst_nano_usd)
        yield f"{agent_word(call.tags.agent)} waits for you. {call.cap_name}. The next call: {most}."
    elif fresh:
        yield f"{len(fresh):,} calls wait for you."
    if bool(now.trouble) != bool(before.trouble):
        yield f"The meter is not running. {now.trouble}" if now.trouble else "The meter runs again."
