"""How long, how large and how many: what may come over the wire, whichever lane carries it.

mitmproxy sets no such limits and calls denial of service no fault of its own; each of these has a test that fails
without it (`tests/faults/wire`).
"""

import sys

MAX_HEAD_BYTES = 256 * 1024
"""Agents' heads seen have some thousands of bytes, providers' less than 32 kB. Also of what comes ahead of its turn,
and of what stands between chunks."""
MAX_INTERIM_ANSWERS = 100
MAX_HELD_ANSWER_BYTES = 4 * 1024 * 1024
"""Of an answer that is held back until its end: an error about a question that we asked."""
MAX_SOCKET_MESSAGE_BYTES = 64 * 1024 * 1024
"""As of a request's body. OpenAI takes 15 MB at most (Realtime API reference, `input_audio_buffer.append`)."""

HEAD_S = 10.0
"""From the first byte of a head to its last. Silence before it is a client's right, who keeps connections or opens them
ahead; mitmproxy ends it after ten minutes."""
BODY_S = 60.0
SLOWEST_BYTES_PER_S = 16 * 1024
"""A body has a minute, and more while it comes as fast as this."""
LINGER_S = 10.0
"""How long what still comes of a refused body is dropped, so that its sender gets to read the answer."""

_RESERVED_DESCRIPTORS = 128
_USUAL_DESCRIPTORS = 8_192


def most_connections() -> int:
    """How many clients may be connected at once: each may need a second descriptor, towards its provider."""
    descriptors = _USUAL_DESCRIPTORS
    if sys.platform != "win32":
        import resource

        soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        descriptors = descriptors if soft == resource.RLIM_INFINITY else soft
    return max(1, (descriptors - _RESERVED_DESCRIPTORS) // 2)
