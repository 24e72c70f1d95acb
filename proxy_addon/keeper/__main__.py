"""The keeper's process. Exit status 0 after a stop, the meter's own when the first one could not start."""

import os
import sys

from proxy_addon.keeper import notes
from proxy_addon.keeper.arguments import Arguments
from proxy_addon.keeper.doors import CannotListen, inherited_doors, open_doors
from proxy_addon.keeper.keeping import Keeping

_UMASK = 0o077
_CANNOT_START = 3


def main() -> int:
    """Open the doors, keep a meter behind them. Returns the exit status."""
    arguments = Arguments(sys.argv[1:])
    _harden()
    keys = _first_line() if "--keys-from-stdin" in arguments.flags else b""
    try:
        doors = open_doors(arguments.places(), inherited_doors())
    except CannotListen as error:
        return _failed(*_words_for(error))
    try:
        note = notes.Note(arguments.values["--attendance"], doors["gateway"].getsockname()[1])
    except OSError as error:
        return _failed("Bursar cannot write its files", f"{error.strerror}: {error.filename}.")
    try:
        return Keeping(arguments, doors, note, keys).run()
    finally:
        note.remove()


def _harden() -> None:
    """Leave no dump, and let nobody read this memory: it may hold keys. (As the meter does; `ctypes` is loaded where
    there are any, since nothing else here is worth its memory.)"""
    import resource

    os.umask(_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if "--keys-from-stdin" in sys.argv and sys.platform == "linux":
        import ctypes

        if ctypes.CDLL(None).prctl(4, 0, 0, 0, 0):  # PR_SET_DUMPABLE
            raise OSError("prctl")


def _first_line() -> bytes:
    """Read byte by byte, so that nothing after the line is swallowed."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


def _words_for(error: CannotListen) -> tuple[str, str]:
    if error.host == "127.0.0.1":
        from app.port_owner import port_owner  # where all is well its memory is saved

        message = f"{port_owner(error.port)} listens there. Close it, or choose other ports in Bursar's settings."
        return f"Port {error.port} is in use", message
    message = "It must be an address of this machine, and no other program may listen there."
    return f"The meter cannot listen at {error.host}:{error.port}", message


def _failed(title: str, message: str) -> int:
    """Say why in the meter's own way. The words hold nothing that JSON would have to quote but what is quoted here."""
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in (title, message)]
    line = '{{"event": "failed", "title": "{}", "message": "{}"}}\n'.format(*quoted)
    os.write(1, line.encode())
    return _CANNOT_START


if __name__ == "__main__":
    sys.exit(main())
