"""Whose program is at the other end of a loopback connection: the user it runs as, asked of the kernel.

A loopback port is open to every user of the machine. Linux tells the owner of the other end's socket (sock_diag(7),
one question and one answer, no file is read); other systems do not, and there the virtual key alone decides.
"""

import ipaddress
import os
import socket
import struct
import sys

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST = 1
_ALL_STATES = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBxI 2s2s16s16sI8s")
_UID_OFFSET = _HEADER.size + 4 + 48 + 12
"""After the message head: family, state, timer and retransmissions; the socket's id; expiry and the two queues."""
_ANY_COOKIE = b"\xff" * 8

type Address = tuple[str, int]


def is_same_user(peer: Address, own: Address) -> bool:
    """Whether a connection from `peer` to `own` may be ours: False only when the kernel names another user."""
    uid = peer_uid(peer, own)
    return uid is None or uid in (os.getuid(), 0)


def peer_uid(peer: Address, own: Address) -> int | None:
    """The user id of the socket that connected from `peer` to `own`. None where it cannot be told."""
    if sys.platform != "linux":
        return None
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asking:
            asking.settimeout(0.2)  # the kernel answers within the call; this is for one that does not
            asking.send(_question(peer, own))
            answer = asking.recv(4096)
    except OSError:
        return None
    kind = _HEADER.unpack_from(answer)[1]
    if kind != _SOCK_DIAG_BY_FAMILY or len(answer) < _UID_OFFSET + 4:
        return None
    return int(struct.unpack_from("=I", answer, _UID_OFFSET)[0])


def _question(peer: Address, own: Address) -> bytes:
    source, target = ipaddress.ip_address(peer[0]), ipaddress.ip_address(own[0])
    family = socket.AF_INET if source.version == 4 else socket.AF_INET6
    body = _QUESTION.pack(
        family, socket.IPPROTO_TCP, 0, _ALL_STATES, peer[1].to_bytes(2), own[1].to_bytes(2),
        source.packed.ljust(16, b"\0"), target.packed.ljust(16, b"\0"), 0, _ANY_COOKIE,
    )  # fmt: skip
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST, 1, 0) + body
