"""What an installer's Bursar begins with: the command line, or one of its other processes.

`bursar _part MODULE …` is there what `python -m MODULE …` is elsewhere (see `app/services/own_command.py`).
"""

import multiprocessing
import os
import sys
from importlib import import_module

from app.services.own_command import AUDIT, KEEPER, METER, PART, RELAY

LOADER_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
"""PyInstaller leads the loader to its own libraries by these, and keeps what they were with `_ORIG` behind."""


def restore_variables() -> None:
    """Take out of the environment what the program's start put in: agents and other programs are to have a person's."""
    for name in LOADER_VARIABLES:
        former = os.environ.pop(f"{name}_ORIG", None)
        if former is not None:
            os.environ[name] = former
        elif sys.platform != "win32":
            os.environ.pop(name, None)
    for name in [name for name in os.environ if name.startswith(("_PYI_", "_MEIPASS2"))]:
        del os.environ[name]


def main() -> None:
    """Become the process that the arguments ask for; leaves with its exit status."""
    multiprocessing.freeze_support()  # the meter's writer, where a process cannot be forked
    restore_variables()
    if sys.argv[1:2] != [PART]:
        from app.__main__ import main as run_command_line

        run_command_line()
        return
    module = sys.argv[2] if len(sys.argv) > 2 else ""
    del sys.argv[1:3]
    if module == RELAY:
        from app.services.sandbox_relay import main as run_relay

        run_relay(sys.argv[1:])
    elif module in (METER, AUDIT, KEEPER):
        sys.exit(import_module(f"{module}.__main__").main())
    else:
        sys.exit(f"bursar: there is no part {module!r}")


if __name__ == "__main__":
    main()
