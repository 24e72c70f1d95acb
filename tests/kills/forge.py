"""Starts meters at once: a process that has a meter's modules in memory and becomes one, in a child, for each line of
JSON with its arguments. What follows on standard input is the child's until it has ended; what it says goes to standard
output.

The child is the real meter, from its first statement on; only the second that its imports take is spared. To be killed
a thousand times it has to start quickly.
"""

import json
import os
import sys


def main() -> None:
    """Until standard input closes."""
    import proxy_addon.__main__ as meter

    print(json.dumps({"event": "forge"}), flush=True)
    while line := read_line():
        child = os.fork()
        if child == 0:
            sys.argv = ["proxy_addon", *json.loads(line)]
            status = 1
            try:
                status = meter.main()
            finally:
                sys.stdout.flush()
                os._exit(status)
        os.waitpid(child, 0)
        print(json.dumps({"event": "gone"}), flush=True)


def read_line() -> bytes:
    """Byte by byte: what follows is the child's."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return line


if __name__ == "__main__":
    main()
