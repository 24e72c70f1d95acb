"""The filter, run by a small interpreter of the kernel's classic BPF."""

import struct

import pytest

from app.services.sandbox_syscalls import syscall_filter

X86_64, I386, AARCH64, ARM, RISCV = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028, 0xC00000F3
IOCTL = {X86_64: 16, I386: 54, AARCH64: 29, ARM: 54}
TIOCSTI, TIOCLINUX, TCGETS = 0x5412, 0x541C, 0x5401


def judged(machine: str, architecture: int, number: int, second: int = 0) -> str:
    """What the filter says of one call."""
    rules = syscall_filter(machine)
    assert rules is not None
    data = struct.pack("=IIQ6Q", number, architecture, 0, 0, second, 0, 0, 0, 0)
    steps = list(struct.iter_unpack("=HBBI", rules))
    place = value = 0
    while True:
        code, on_true, on_false, operand = steps[place]
        place += 1
        if code == 0x20:
            value = struct.unpack_from("=I", data, operand)[0]
        elif code in (0x15, 0x35):
            place += on_true if (value == operand if code == 0x15 else value >= operand) else on_false
        else:
            assert code == 0x06
            return {0x7FFF0000: "allowed", 0x00050001: "refused"}[operand]


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [("x86_64", X86_64), ("x86_64", I386), ("aarch64", AARCH64), ("aarch64", ARM)],
)
def test_typing_into_the_terminal_is_refused_and_other_requests_are_not(machine: str, architecture: int) -> None:
    ioctl = IOCTL[architecture]
    for request in (TIOCSTI, TIOCLINUX, TIOCSTI | 1 << 32, TIOCLINUX | 0xFFFFFFFF << 32):
        assert judged(machine, architecture, ioctl, request) == "refused"
    assert judged(machine, architecture, ioctl, TCGETS) == "allowed"
    assert judged(machine, architecture, 1, TIOCSTI) == "allowed", "a write of so many bytes"


@pytest.mark.parametrize(
    ("machine", "architecture", "numbers"),
    [
        ("x86_64", X86_64, (248, 249, 250)),
        ("x86_64", I386, (286, 287, 288)),
        ("aarch64", AARCH64, (217, 218, 219)),
        ("aarch64", ARM, (309, 310, 311)),
    ],
)
def test_the_kernels_key_rings_are_refused(machine: str, architecture: int, numbers: tuple[int, ...]) -> None:
    assert {judged(machine, architecture, number) for number in numbers} == {"refused"}
    assert judged(machine, architecture, min(numbers) - 1) == "allowed"
    assert judged(machine, architecture, max(numbers) + 1) == "allowed"


def test_no_other_set_of_numbers_is_a_way_around() -> None:
    assert judged("x86_64", X86_64, 16 | 0x40000000, TIOCSTI) == "refused"
    assert judged("x86_64", RISCV, 1) == "refused"
    assert judged("aarch64", X86_64, 1) == "refused"


def test_a_machine_that_is_not_known_has_none() -> None:
    assert syscall_filter("riscv64") is None
