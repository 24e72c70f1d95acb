"""How much stands between an agent and a person's money and keys: the three levels, and what each holds against."""

from collections.abc import Iterable
from enum import StrEnum


class Assurance(StrEnum):
    """From the weakest to the strongest."""

    COOPERATIVE = "cooperative"
    SANDBOXED = "sandboxed"
    SEPARATED = "separated"

    @property
    def meaning(self) -> str:
        """What the level holds against and what it does not, in whole sentences."""
        return _MEANINGS[self]


_MEANINGS = {
    Assurance.COOPERATIVE: (
        "Agents reach the meter because they are told to. That holds against mistakes, loops, web pages and other "
        "users of this machine. It does not hold against a program of yours that means harm: it can look for a key "
        "elsewhere, or run bursar itself."
    ),
    Assurance.SANDBOXED: (
        "Agents run in a sandbox. The meter is the only thing they reach; the ledger, the keyring, and the sockets of "
        "ssh and gpg are hidden from them. That holds against an agent that was talked into something, as far as the "
        "sandbox does."
    ),
    Assurance.SEPARATED: (
        "Agents do not run as the meter's user: they are in a container or on another machine and hold nothing but a "
        "virtual key. That holds against whatever runs there. Who has the key can spend what its caps allow."
    ),
}


def weakest(levels: Iterable[Assurance]) -> Assurance:
    """The level that can be spoken of for all of them together; cooperative when there are none."""
    order = list(Assurance)
    return min(levels, key=order.index, default=Assurance.COOPERATIVE)
