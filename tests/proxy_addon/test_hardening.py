import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
REPORT = """
import os, resource
from pathlib import Path
from proxy_addon.hardening import harden_process

harden_process()
Path("made").write_text("x")
print(resource.getrlimit(resource.RLIMIT_CORE), oct(os.stat("made").st_mode & 0o777))
import ctypes
print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells whether a process may be dumped")
def test_nobody_can_dump_or_trace_the_process_and_its_files_are_private(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", REPORT], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    assert done.stdout.splitlines() == ["(0, 0) 0o600", "dumpable 0"]


FEW = """
import resource
from proxy_addon.hardening import harden_process

_soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
harden_process()
soft, still = resource.getrlimit(resource.RLIMIT_NOFILE)
assert still == hard
print(soft == min(hard, 8192) or hard == resource.RLIM_INFINITY and soft == 8192)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_process_takes_the_descriptors_that_waiting_calls_need(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", FEW], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    assert done.stdout == "True\n"
