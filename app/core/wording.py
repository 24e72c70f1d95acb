"""Words with numbers."""


def counted(count: int, noun: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
