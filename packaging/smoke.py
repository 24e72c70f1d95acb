"""Whether a built Bursar works: `python3 packaging/smoke.py COMMAND…`, the command being what starts `bursar`, such as
`dist/bursar/bursar`, `chroot ROOT bursar` or the script of an environment.

It is given folders of its own (under the HOME of this process) and meets no account and no key. Standard library only.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable

CHECKOUT = Path(__file__).resolve().parent.parent
LIMIT_S = 240
TRAY_S = 12
SHOWN = 2000
STRAY = ("_PYI_", "_MEI", "LD_LIBRARY_PATH=")
"""Variables of the packed program that no agent may inherit."""


class Broken(Exception):
    """What does not work."""


def main(command: list[str]) -> int:
    """Try everything; returns 1 when something does not work, having said what."""
    for name, check in CHECKS.items():
        try:
            check(command)
        except (Broken, subprocess.TimeoutExpired) as error:
            print("%s: %s" % (name, error))
            return 1
        print("%s: ok" % name, flush=True)
    return 0


def told(command: list[str], *arguments: str, status: int = 0) -> str:
    """What the command prints, on both streams. Raises Broken where it leaves with another status."""
    done = subprocess.run(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode != status:
        raise Broken("status %d of %s\n%s" % (done.returncode, arguments, done.stdout[-SHOWN:]))
    return done.stdout


def expect(text: str, found: str) -> None:
    """Raise Broken where the text does not stand in what was found."""
    if text not in found:
        raise Broken("%r is not in\n%s" % (text, found[-SHOWN:]))


def check_version(command: list[str]) -> None:
    """It knows its version, which is the one in pyproject.toml."""
    line = re.search(r'^version = "([^"]+)"', (CHECKOUT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert line
    expect("bursar " + line[1], told(command, "--version"))


def check_demo(command: list[str]) -> None:
    """A meter, agents, caps and a provider: the ledger comes out as the provider's own bill."""
    expect("The ledger agrees to the last digit.", told(command, "demo", "--headless"))


def check_run(command: list[str]) -> None:
    """An agent gets what it needs and nothing of the packed program's own."""
    shown = told(command, "run", "--project", "smoke", "--", "env")
    expect("ANTHROPIC_BASE_URL=http://127.0.0.1:", shown)
    stray = [line for line in shown.splitlines() if line.startswith(STRAY)]
    if stray:
        raise Broken("an agent inherits %s" % stray)


def check_ledger(command: list[str]) -> None:
    """The ledger, its prices and its sums are there."""
    told(command, "caps", "add", "10", "--project", "smoke", "--each", "day")
    expect("smoke", told(command, "caps", "list"))
    expect("claude", told(command, "prices", "show", "claude-haiku-4-5"))
    told(command, "ledger", "verify")


def check_audit(command: list[str]) -> None:
    """The meter's readers run by themselves."""
    expect("cannot be read", told(command, "audit", "/there/is/no/such/file", status=1))


def check_tray(command: list[str]) -> None:
    """The tray starts, stays, and ends when asked to."""
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    status, said = ended_tray(command, TRAY_S)
    if status == -signal.SIGTERM:  # it was asked before it could hear: a machine under load starts it slowly
        status, said = ended_tray(command, TRAY_S * 8)
    if status:
        raise Broken("the tray left with status %d\n%s" % (status, said[-SHOWN:]))


def ended_tray(command: list[str], after_s: float) -> tuple[int, str]:
    """The tray’s status and what it said, asked to end after some time. Raises Broken where it ends before."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        said, _ = process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        said, _ = process.communicate(timeout=LIMIT_S)
        return process.returncode, said
    raise Broken("the tray ended by itself with status %d\n%s" % (process.returncode, said[-SHOWN:]))


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "version": check_version,
    "demo": check_demo,
    "run": check_run,
    "ledger": check_ledger,
    "audit": check_audit,
    "tray": check_tray,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
