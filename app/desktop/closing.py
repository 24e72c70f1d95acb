"""Destroying windows while the application still stands.

What is left when the application goes is taken apart by PySide in any order, and buttons connected to closures over
their own window make rings that crash it there (seen: 9 exits of 14). So nothing is left.
"""

from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QWidget


def destroy(*parts: QObject) -> None:
    """Close and destroy these now. They must not be used any more."""
    for part in parts:
        if isinstance(part, QWidget):
            part.close()
        part.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
