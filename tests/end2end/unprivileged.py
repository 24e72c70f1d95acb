"""Becomes another program without root's privileges: `python unprivileged.py COMMAND…`.

Tests that root runs so get what an ordinary user's programs are to one another; for others nothing changes.
"""

import ctypes
import os
import sys

_PR_CAPBSET_DROP = 24

if __name__ == "__main__":
    for capability in range(64):
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # what is not in this set is gone at the exec
    os.execv(sys.argv[1], sys.argv[1:])
