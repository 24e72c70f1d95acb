"""What a body, a stream or a socket unfolds to."""

from tests.guards.guard import Guard

GUARDS = (
    Guard(
        "a message of a socket has 64 MB",
        "proxy_addon/socket_size.py",
        "            if self._size > MAX_SOCKET_MESSAGE_BYTES:",
        "            if False:",
        ("proxy_addon/test_guards.py::test_a_message_that_is_too_long_closes_its_socket",),
    ),
    Guard(
        "a packed message is unpacked a kilobyte at a time",
        "proxy_addon/socket_size.py",
        "_SLICE_BYTES = 1024",
        "_SLICE_BYTES = 1024**3",
        ("proxy_addon/test_guards.py::test_a_packed_message_is_never_unpacked_at_once",),
    ),
    Guard(
        "a body unfolds a hundredfold at most",
        "proxy_addon/content_decoding.py",
        "min(self._max_bytes, _FREE_BYTES + _MAX_RATIO * self._taken)",
        "self._max_bytes",
        ("proxy_addon/test_content_decoding.py::test_a_bomb_is_left_before_it_takes_memory",),
    ),
    Guard(
        "an unfolded body has a limit",
        "proxy_addon/content_decoding.py",
        "min(self._max_bytes, _FREE_BYTES + _MAX_RATIO * self._taken)",
        "_FREE_BYTES + _MAX_RATIO * self._taken",
        ("proxy_addon/test_content_decoding.py::test_a_body_without_end_is_left_at_the_limit",),
    ),
    Guard(
        "an event of a stream has 8 MB",
        "proxy_addon/sse.py",
        "if len(self._line) + len(part) + self._size > self._limit:",
        "if False:",
        ("proxy_addon/test_sse.py::test_an_event_above_the_limit_is_dropped_and_told_and_the_next_is_read",),
    ),
    Guard(
        "empty lines of an event count",
        "proxy_addon/sse.py",
        "self._size += len(data) + _LINE_COST",
        "self._size += len(data)",
        ("proxy_addon/test_sse.py::test_many_lines_of_one_event_count_together",),
    ),
    Guard(
        "a frame of a binary stream has 8 MB",
        "proxy_addon/eventstream.py",
        "        if size <= self._limit:",
        "        if True:",
        ("proxy_addon/test_eventstream.py::test_a_frame_too_large_is_dropped_and_the_next_one_read",),
    ),
    Guard(
        "a frame's checksum is looked at",
        "proxy_addon/eventstream.py",
        "    if crc32(frame[: -_CRC.size]) != _CRC.unpack_from(frame, len(frame) - _CRC.size)[0]:",
        "    if False:",
        ("proxy_addon/test_eventstream.py::test_a_flipped_bit_is_told",),
    ),
    Guard(
        "a JSON line has 8 MB",
        "proxy_addon/json_lines.py",
        "if self._is_dropping or len(self._line) + len(part) > self._limit:",
        "if self._is_dropping:",
        ("proxy_addon/test_json_lines.py::test_a_line_too_long_is_dropped_and_the_next_one_read",),
    ),
    Guard(
        "a body that is held has 64 MB",
        "proxy_addon/tap.py",
        "elif len(self._body) + len(piece) > self._max_body_bytes:",
        "elif False:",
        ("proxy_addon/test_tap.py::test_a_body_above_the_limit_is_not_held",),
    ),
    Guard(
        "an answer goes on whatever reading it does",
        "proxy_addon/tap.py",
        "        except Exception as error:  # noqa: BLE001 - the chunk goes on whatever",
        "        except ZeroDivisionError as error:  # noqa: BLE001 - the chunk goes on whatever",
        ("proxy_addon/test_tap.py::test_a_fault_of_ours_is_told_once_without_content_and_the_answer_goes_on",),
    ),
    Guard(
        "no key stands twice in a request",
        "proxy_addon/shapes/fields.py",
        "        members = _split_members(body)\n",
        "        members = {key: bytes(raw) for key, raw in _RAW_OBJECT.decode(body).items()}\n",
        ("faults/bad_inputs/test_bad_inputs.py::test_a_request_that_gives_a_key_twice_is_refused",),
    ),
)
