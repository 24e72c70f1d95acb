"""JSON lines out of bytes in any chunking, as Ollama and Cohere's first API stream them. No I/O; never raises."""

MAX_LINE_BYTES = 8 * 1024 * 1024
"""Above this a line is dropped, not held."""


class LineParser:
    """Bytes in, whole lines out, empty ones left out. `has_dropped` tells that a line was too long to be held."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.has_dropped = False
        self._limit = max_line_bytes
        self._line = bytearray()
        self._is_dropping = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk."""
        *ended, rest = chunk.split(b"\n")
        lines = []
        for part in ended:
            self._hold(part)
            lines.append(bytes(self._line).strip())
            self._line.clear()
            self._is_dropping = False
        self._hold(rest)
        return [line for line in lines if line]

    def close(self) -> list[bytes]:
        """The last line, where nothing ended it."""
        return self.feed(b"\n")

    def _hold(self, part: bytes) -> None:
        if self._is_dropping or len(self._line) + len(part) > self._limit:
            self.has_dropped = self._is_dropping = True
            self._line.clear()
        else:
            self._line += part
