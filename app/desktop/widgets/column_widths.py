"""How a table's width is shared among its columns: who gives way where room is short, and where what is left goes."""

from collections.abc import Sequence

_STEP = 4
_MOST_AIR = 72
"""Pixels that a column gets beyond what it needs, so that in a wide window the eye need not cross an empty half."""


def narrow(widths: list[int], which: list[int], missing: int, least: int, growing: int) -> int:
    """Take `missing` pixels from these widths, the widest first, none below `least`; the growing one, whose texts are
    what a row is known by, stays twice as wide as the others. Returns what is still missing."""
    while missing > 0 and which:
        widest = max(which, key=lambda number: widths[number] / (2 if number == growing else 1))
        given = min(missing, _STEP, widths[widest] - least)
        if given <= 0:
            break
        widths[widest] -= given
        missing -= given
    return missing


def widen(widths: list[int], whole: Sequence[int], which: Sequence[int], growing: int, spare: int) -> None:
    """Give `spare` pixels away: first to those of `which` that are narrower than their text as a whole, then some air
    to each, and the rest to the growing one."""
    for number in which:
        given = max(0, min(spare, whole[number] - widths[number]))
        widths[number] += given
        spare -= given
    others = [number for number in which if number != growing]
    air = min(_MOST_AIR, max(0, spare) // (2 * len(others))) if others else 0
    for number in others:
        widths[number] += air
    widths[growing] += max(0, spare - air * len(others))
