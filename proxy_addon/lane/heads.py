"""What the lane writes: heads and chunks of HTTP/1.1, and whole answers of our own."""

from http import HTTPStatus

from proxy_addon.delivery import WholeAnswer
from proxy_addon.header_fields import Fields, bytes_of, has, without
from proxy_addon.refusals import Refusal, unreachable_body
from proxy_addon.sending import Sending

LAST_CHUNK = b"0\r\n\r\n"


def written_request(method: str, sending: Sending) -> bytes:
    """A request with its body."""
    line = b"%b %b HTTP/1.1\r\n" % (method.encode("ascii"), bytes_of(sending.target))
    return line + _written(sending.fields) + sending.body


def written_head(status: int, reason: bytes, fields: Fields) -> bytes:
    """The head of an answer."""
    return b"HTTP/1.1 %d %b\r\n" % (status, reason) + _written(fields)


def written_chunk(data: bytes) -> bytes:
    """One chunk; nothing for no data, which would be the last one."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def written_answer(answer: WholeAnswer) -> bytes:
    """An answer that is known whole, with its length."""
    fields = (*without(answer.fields, (b"content-length", b"transfer-encoding")), _length(answer.body))
    return written_head(answer.status, answer.reason or _reason(answer.status), fields) + answer.body


def written_refusal(refusal: Refusal, *, is_last: bool = False) -> bytes:
    """A refusal by the meter. `is_last`: its connection is closed after it."""
    fields = tuple((name.encode(), bytes_of(value)) for name, value in refusal.headers.items())
    if is_last:
        fields = (*fields, (b"connection", b"close"))
    return written_answer(WholeAnswer(refusal.status, fields, refusal.body))


def written_error(status: int, words: str) -> bytes:
    """An error of our own, after which the connection is closed; JSON that SDKs can read."""
    fields = ((b"content-type", b"application/json"), (b"connection", b"close"))
    return written_answer(WholeAnswer(status, fields, unreachable_body(words, status)))


def is_chunked(fields: Fields) -> bool:
    """Whether an answer's body goes on in chunks. (Other transfer codings are not let through.)"""
    return has(fields, b"transfer-encoding")


def ends_connection(fields: Fields) -> bool:
    """Whether the answer says that its connection is closed after it."""
    return any(name.lower() == b"connection" and b"close" in value.lower() for name, value in fields)


def _written(fields: Fields) -> bytes:
    return b"".join([b"%b: %b\r\n" % one for one in fields]) + b"\r\n"


def _length(body: bytes) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % len(body)


def _reason(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode() if status in HTTPStatus else b""
