"""What the thread that paints needs, so that no frame is late: its turn at once, and garbage collected in it alone.

Python collects garbage in whatever thread happens to make an object. In one that reads the ledger it would take widgets
apart that hang in a ring, where Qt may not be touched; and wherever it walks all that the tray ever loaded (200,000
objects, 140 ms and more), every window stands still.
"""

import gc
import sys

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

_SWITCH_S = 0.0005
"""How long a thread that reads may keep the one that paints from its turn: Python's own 5 ms are felt in a frame."""
_LOOK_EVERY_MS = 1_000
_MOST_WALKED = 20_000
"""Objects, about 5 ms."""


class UiThread(QObject):
    """To be made, begun and ended in the thread that paints."""

    def __init__(self) -> None:
        super().__init__()
        self._timer = QTimer(self, interval=_LOOK_EVERY_MS)
        self._timer.timeout.connect(self.collect)
        self._former_switch_s = sys.getswitchinterval()

    def begin(self) -> None:
        """From now on garbage is collected here alone. What was loaded so far is taken to stay."""
        sys.setswitchinterval(_SWITCH_S)
        gc.disable()
        gc.freeze()
        self._timer.start()

    def end(self) -> None:
        """As Python does by itself."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
        sys.setswitchinterval(self._former_switch_s)

    def collect(self) -> None:
        """Collect what is due, as often as Python itself would: the young, and after each ten times the older."""
        due = [count > threshold for count, threshold in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if not due[0]:
            return
        if due[1] and due[2]:
            _collect_all()
        else:
            gc.collect(1 if due[1] else 0)


def _collect_all() -> None:
    """Of what lives long, as much as takes no frame's time; all of it when no window is seen."""
    is_seen = any(widget.isVisible() for widget in QApplication.topLevelWidgets())
    if not is_seen:
        gc.unfreeze()
    elif len(gc.get_objects(generation=2)) > _MOST_WALKED:
        gc.freeze()
    gc.collect()
    if not is_seen:
        gc.freeze()
