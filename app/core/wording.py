"""Words with numbers."""


def counted(count: int, noun: str) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def format_tokens(count: int) -> str:
    """A count of tokens: `950`, `12.4k`, `2.2M`."""
    if count < 1_000:
        return str(count)
    if count < 999_950:
        return f"{count / 1_000:.1f}k"
    return f"{count / 1_000_000:.1f}M"
