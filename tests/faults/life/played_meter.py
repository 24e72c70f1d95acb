"""A small program in the meter's place, for faults that are the keeper's to see to.

    python played_meter.py FOLDER [--stop-with-stdin] [--keys-from-descriptor N]

`FOLDER/mode` says how it behaves from its start on: `serve`, `die` at once, `fail` with a reason, or `hang` without a
word. It answers each caller with its process id, and leaves on SIGHUP once `FOLDER/left` exists. Each start adds a line
to `FOLDER/starts`: its id and its keys.
"""

import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

from proxy_addon.keeper.doors import inherited_doors

FOLDER = Path(sys.argv[1])
REASON = {"event": "failed", "title": "The ledger cannot be opened", "message": "Free some space."}


def main() -> None:
    doors = inherited_doors()
    with (FOLDER / "starts").open("a") as file:
        file.write(f"{os.getpid()} {_keys()}\n")
    mode = (FOLDER / "mode").read_text()
    if mode == "die":
        sys.exit(1)
    if mode == "fail":
        say(REASON)
        sys.exit(3)
    if mode != "hang":
        ports = {name: f"http://127.0.0.1:{door.getsockname()[1]}" for name, door in doors.items()}
        say({"event": "ready", "pid": os.getpid(), **ports})
    serve(doors)


def _keys() -> str:
    if "--keys-from-descriptor" not in sys.argv:
        return ""
    descriptor = int(sys.argv[sys.argv.index("--keys-from-descriptor") + 1])
    return os.read(descriptor, 4096).decode().strip()


def say(event: Mapping[str, object]) -> None:
    print(json.dumps(event), flush=True)


def serve(doors: dict[str, socket.socket]) -> None:
    """Until it is told to end, or has left."""
    leaving = False

    def leave(number: int, frame: FrameType | None) -> None:
        nonlocal leaving
        leaving = True
        for door in doors.values():
            watched.unregister(door)
            door.close()

    watched = selectors.DefaultSelector()
    for door in doors.values():
        watched.register(door, selectors.EVENT_READ)
    if "--stop-with-stdin" in sys.argv:
        watched.register(0, selectors.EVENT_READ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, leave)
    while not (leaving and (FOLDER / "left").exists()):
        for key, _ in watched.select(0.05):
            if key.fileobj == 0:
                if not os.read(0, 4096):
                    sys.exit(0)
            elif isinstance(key.fileobj, socket.socket):
                answer(key.fileobj)


def answer(door: socket.socket) -> None:
    try:
        caller, _ = door.accept()
    except OSError:
        return
    with caller:
        caller.settimeout(5)
        caller.recv(65_536)
        body = str(os.getpid()).encode()
        caller.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body))


if __name__ == "__main__":
    main()
