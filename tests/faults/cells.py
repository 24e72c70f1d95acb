"""The cells of the fault catalogue: each is a test that says by its mark which fault it tries, when that strikes, and
what is expected then.

    @cell("F5", "disk full", "a call is asked for", "503, nothing sent")
    def test_...

or `pytest.param(..., marks=cell(...))`. A test may be several cells, and a cell several tests. `python -m tests.faults`
tries them all and writes what came of it into `resources/docs/faults.md`.
"""

import pytest

FAULTS = {
    "F1": "meter killed",
    "F2": "tray killed",
    "F3": "meter and tray killed",
    "F4": "power cut",
    "F5": "disk full when money is held",
    "F6": "disk full when a call is settled",
    "F7": "disk read-only",
    "F8": "reading, writing or syncing fails",
    "F9": "ledger locked by another program",
    "F10": "a write that did not begin as one",
    "F11": "ledger damaged or lost",
    "F12": "clock set forward or back",
    "F13": "odd days and zones of the calendar",
    "F14": "a call over midnight",
    "F15": "provider refuses the call",
    "F16": "provider fails before it answers",
    "F17": "provider fails in the middle of an answer",
    "F18": "provider not reached",
    "F19": "provider silent",
    "F20": "answer cut",
    "F21": "client hangs up while it is answered",
    "F22": "client hangs up while it waits",
    "F23": "request sent again",
    "F24": "settled twice",
    "F25": "request too large",
    "F26": "slow and idle clients",
    "F27": "headers without end",
    "F28": "events out of form",
    "F29": "JSON out of form",
    "F30": "compression wrong, or a bomb",
    "F31": "model or price not known",
    "F32": "usage that cannot be",
    "F33": "dearer than the worst case",
    "F34": "many agents, one cap",
    "F35": "port in use",
    "F36": "keyring locked or missing",
    "F37": "certificate authority missing or out of date",
    "F38": "schema older or newer",
    "F39": "several meters, one ledger",
    "F40": "machine asleep",
    "F41": "many calls wait",
    "F42": "team ledger out of reach",
    "F43": "team ledger back, with its end lost",
    "F44": "team ledger deadlocks",
    "F45": "out of memory or descriptors",
    "F46": "log cannot be written",
    "F47": "no notifications",
    "F48": "upgrade while calls run",
    "F49": "requests that can be read in two ways",
}
"""The kinds of faults by number. A cell is one of them at one moment."""

MARK = "cell"


def cell(number: str, fault: str, phase: str, expected: str) -> pytest.MarkDecorator:
    """Marks a test as a cell: `fault` as it is made here (one of the kind `number`), `phase` is when it strikes,
    `expected` what Bursar does, in one line."""
    if number not in FAULTS or any("|" in said or "\n" in said or not said for said in (fault, phase, expected)):
        raise ValueError(f"no cell of the catalogue: {number} {fault!r} {phase!r} {expected!r}")
    return pytest.mark.cell(number, fault, phase, expected)
