"""What the meter's process does to itself before it reads a key: nobody reads its memory, and nothing dumps it.

On Linux a process that is not dumpable leaves no core file and cannot be traced, or its memory read, by another
process of the same user (prctl(2), ptrace(2)). Elsewhere only the core limit is to be had.

It also asks for as many descriptors as the system lets it have: each call that waits holds one, and the 256 that some
systems begin with were too few for 200 of them (measured; unrelated calls failed).
"""

import ctypes
import os
import sys
from pathlib import Path

from app import paths
from app.core.errors import MeterError

_PR_SET_DUMPABLE = 4
_PRIVATE_UMASK = 0o077
_MOST_DESCRIPTORS = 8_192
"""Less than the 10,240 that macOS accepts at most."""


def harden_process() -> None:
    """To be called once, at the start, while there is one thread. Raises OSError where the kernel refuses."""
    if sys.platform == "win32":
        return
    import resource

    os.umask(_PRIVATE_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _raise_descriptor_limit()
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def refuse_exposed_files(ledger: Path) -> None:
    """Raise MeterError when another user of the machine could open a file of ours, or no folder can be had."""
    try:
        paths.refuse_exposed(ledger)
    except paths.OpenToOthers as error:
        raise MeterError(error.title, error.message) from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise MeterError("Bursar has no folder to write in", f"{error.filename}: {why}. Or set BURSAR_HOME.") from None


def _raise_descriptor_limit() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
