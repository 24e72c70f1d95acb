"""What masking the provider's key costs: `python -m tests.bench_masking`.

Streams the same events through the mask, through the tap that meters them, and through both decoders of a compressed
answer, and prints microseconds an event and the share of the tap's time.
"""

import time
import zlib
from collections.abc import Callable

from app.core.call import ApiShape
from app.core.exchange import RequestFacts
from proxy_addon.masking import KeyMask, MaskedStream
from proxy_addon.shapes import shape_for
from proxy_addon.tap import Tap

EVENTS = 20_000
ROUNDS = 5
KEY = "sk-ant-api03-" + "k" * 95
EVENT = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"some words, sk among them"}}\n\n'
)


def main() -> None:
    """Measure and print."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(EVENT) + packer.flush(zlib.Z_SYNC_FLUSH) for _ in range(EVENTS)]
    tap = fastest(lambda: _tap().tap, [EVENT] * EVENTS)
    mask = fastest(lambda: _mask("").stream, [EVENT] * EVENTS)
    watched = fastest(lambda: _mask("gzip").stream, packed)
    print(f"tap of an event            {tap:6.2f} µs")
    print(f"mask of an event           {mask:6.2f} µs   {mask / tap:.0%} of the tap")
    print(f"watch of a compressed one  {watched:6.2f} µs   {watched / tap:.0%} of the tap")


def fastest(made: Callable[[], Callable[[bytes], object]], chunks: list[bytes]) -> float:
    """Microseconds a chunk, of the best of some rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        take = made()
        started = time.perf_counter()
        for chunk in chunks:
            take(chunk)
        best = min(best, time.perf_counter() - started)
    return best / len(chunks) * 1e6


def _tap() -> Tap:
    facts = RequestFacts(model="claude-haiku-4-5", is_stream=True, body_bytes=100)
    reader = shape_for(ApiShape.ANTHROPIC_MESSAGES).reader(facts, {})
    return Tap(reader, content_type="text/event-stream", content_encoding="")


def _mask(encoding: str) -> MaskedStream:
    return MaskedStream(KeyMask(KEY), None, encoding, lambda: None)


if __name__ == "__main__":
    main()
