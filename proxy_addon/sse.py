"""Server-sent events out of bytes in any chunking (WHATWG HTML, section 9.2.6). No I/O; never raises.

Only the data of events is given on: the shapes know an event by what stands in it.
"""

_BOM = b"\xef\xbb\xbf"
MAX_EVENT_BYTES = 8 * 1024 * 1024
"""The largest event seen carries a picture of some megabytes. Above this an event is dropped, not held."""

_LINE_COST = 64
"""What a line costs in memory beside its bytes; else an event of empty lines would have no limit."""


class SseParser:
    """Bytes in, data of whole events out. `has_dropped` tells that an event was too large to be held."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self.has_dropped = False
        self._limit = max_event_bytes
        self._line = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._is_dropping = False
        self._is_line_dropped = False
        self._is_first_line = True
        self._is_after_cr = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that end in this chunk."""
        if not chunk:
            return []
        if self._is_after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
        self._is_after_cr = chunk.endswith(b"\r") if chunk else False
        events: list[bytes] = []
        lines = chunk.splitlines()
        rest = lines.pop() if lines and not chunk.endswith((b"\n", b"\r")) else b""
        for line in lines:
            self._end_line(line, events)
        self._hold(rest)
        return events

    def close(self) -> list[bytes]:
        """The data of an event that the stream did not finish with an empty line."""
        events: list[bytes] = []
        if self._line or self._is_line_dropped:
            self._end_line(b"", events)
        self._end_event(events)
        return events

    def _hold(self, part: bytes) -> None:
        """Keep the part of a line until its end comes, up to the limit."""
        if self._is_line_dropped:
            return
        if len(self._line) + len(part) + self._size > self._limit:
            self._drop()
            self._is_line_dropped = True
            self._line.clear()
        else:
            self._line += part

    def _end_line(self, part: bytes, events: list[bytes]) -> None:
        if not self._line and not self._is_line_dropped and len(part) + self._size <= self._limit:
            line, was_dropped = part, False  # all of it is here: nothing has to be held
        else:
            self._hold(part)
            line, was_dropped = bytes(self._line), self._is_line_dropped
            self._line.clear()
            self._is_line_dropped = False
        if self._is_first_line:
            line, self._is_first_line = line.removeprefix(_BOM), False
        if was_dropped:
            return
        if not line:
            self._end_event(events)
        elif not self._is_dropping and (line == b"data" or line.startswith(b"data:")):
            data = line[5:].removeprefix(b" ")
            self._data.append(data)
            self._size += len(data) + _LINE_COST

    def _end_event(self, events: list[bytes]) -> None:
        if self._data and not self._is_dropping:
            events.append(b"\n".join(self._data))
        self._data = []
        self._size = 0
        self._is_dropping = False

    def _drop(self) -> None:
        self.has_dropped = self._is_dropping = True
        self._data = []
        self._size = 0
