"""One logging set-up for the tray, the command line and the meter.

Each process writes its own rotating file (two processes cannot rotate one). Keys are taken out of the finished text,
so that neither an argument nor a traceback can carry one into a file; a line break in a message is shown as `\\n`, so
that nobody can write a line of their own.
"""

import logging
import os
import re
from logging.handlers import RotatingFileHandler
from pathlib import Path

MAX_BYTES = 2_000_000
KEPT_FILES = 3
REDACTED = "[key removed]"

_SECRET = re.compile(
    r"bsr_[0-9A-Za-z]{8,}"
    r"|\b(?:sk-|pk-|rk-|gsk_|xai-|AIza|AQ\.|ya29\.|eyJ)[-_0-9A-Za-z.]{16,}"
    r"|(?<=Bearer )\S+|(?<=Basic )\S+"
    r"|(?i:x-api-key|x-goog-api-key|api-key|(?:proxy-)?authorization)[\"']?\s*[:=,]\s*(?:b?[\"'])?"
    r"(?!Bearer\b|Basic\b)[^\s\"']+"
    r"|(?<=[?&]key=)[^&\s]+"
)


def redact(text: str) -> str:
    """The text with everything that looks like a key, a token or a credentials header taken out."""
    return _SECRET.sub(REDACTED, text)


class RedactingFormatter(logging.Formatter):
    """Formats a record, then redacts the whole text, traceback included."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The head line, with line breaks in the message made visible."""
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """The finished text of one record, without keys."""
        return redact(super().format(record))


def set_up_logging(file: Path, *, level: int = logging.INFO) -> None:
    """Send this process's log to `file`, rotating at 2 MB with three old files kept, readable by its owner only.

    Replaces the handlers of an earlier call. Raises OSError when the file cannot be opened.
    """
    handler = PrivateRotatingFile(file, maxBytes=MAX_BYTES, backupCount=KEPT_FILES, encoding="utf-8")
    handler.setFormatter(RedactingFormatter("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"))
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, PrivateRotatingFile)]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)


class PrivateRotatingFile(RotatingFileHandler):
    """A rotating file that is created with mode 0600, also each new one after a roll-over."""

    def _open(self):  # type: ignore[no-untyped-def]
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return open(descriptor, self.mode, encoding=self.encoding)  # noqa: PTH123 - a descriptor, not a path
