"""The few kernel calls that a sandboxed agent may not make, as a filter for the kernel (seccomp_filter, classic BPF).

An agent keeps the person's terminal: with a session of its own, Ctrl-C and a change of the window's size would not
reach it. But a program may push text into its terminal as if it was typed there (TIOCSTI, TIOCLINUX; CVE-2017-5226),
and the shell would run it after the agent has gone. So those two are refused, by the lower 32 bits of the argument,
which are all that the kernel looks at (CVE-2019-10063). The kernel's own key rings, which are inherited, are refused
as well. All else is left to the sandbox's walls.
"""

import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
_AT_NUMBER, _AT_ARCHITECTURE, _AT_SECOND_ARGUMENT = 0, 4, 24
_TYPING = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX

type _Step = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Calls:
    """Numbers of kernel calls of one architecture (AUDIT_ARCH_…): ioctl, and those around the key rings.

    `beyond`: numbers from here on are refused; x32 has a second set of all of them. 0 for none.
    """

    architecture: int
    ioctl: int
    key_rings: tuple[int, int, int]
    beyond: int = 0


_X86_64 = _Calls(0xC000003E, 16, (248, 249, 250), beyond=0x40000000)
_I386 = _Calls(0x40000003, 54, (286, 287, 288))
_AARCH64 = _Calls(0xC00000B7, 29, (217, 218, 219))
_ARM = _Calls(0x40000028, 54, (309, 310, 311))
_MACHINES = {"x86_64": (_X86_64, _I386), "aarch64": (_AARCH64, _ARM)}


def syscall_filter(machine: str = "") -> bytes | None:
    """The filter for this machine's programs, its 32-bit ones too; None for a machine whose numbers are not known."""
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    steps: list[_Step] = [(_LOAD, 0, 0, _AT_ARCHITECTURE)]
    for calls in known:
        block = list(_block(calls))
        steps += [(_IF_EQUAL, 0, len(block), calls.architecture), *block]
    steps.append((_RETURN, 0, 0, _REFUSE))  # programs of any other architecture
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _block(calls: _Calls) -> Iterator[_Step]:
    """What is judged once the architecture is known; it always returns."""
    yield (_LOAD, 0, 0, _AT_NUMBER)
    if calls.beyond:
        yield from ((_IF_AT_LEAST, 0, 1, calls.beyond), (_RETURN, 0, 0, _REFUSE))
    for number in calls.key_rings:
        yield from ((_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE))
    yield from ((_IF_EQUAL, 1, 0, calls.ioctl), (_RETURN, 0, 0, _ALLOW))
    yield (_LOAD, 0, 0, _AT_SECOND_ARGUMENT)
    for request in _TYPING:
        yield from ((_IF_EQUAL, 0, 1, request), (_RETURN, 0, 0, _REFUSE))
    yield (_RETURN, 0, 0, _ALLOW)
