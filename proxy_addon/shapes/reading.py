"""What every dialect offers: facts of a request, a reader for its answer, a reader for a socket that speaks it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from app.core.exchange import RequestFacts, ResponseFacts

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class ResponseReader(Protocol):
    """Reads one answer. Numbers in a stream are cumulative: they are replaced, never added up."""

    def feed(self, payload: bytes) -> None:
        """Take the data of one event, or a whole body. Any bytes are allowed; none raise."""

    def facts(self) -> ResponseFacts:
        """What is known so far."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a socket. `request` is the very object that `sent` gave for the message that began it, None where
    the provider began it by itself. `is_begun`: the provider has started to answer it."""

    request: RequestFacts | None
    answer: ResponseFacts
    is_begun: bool = True


class SocketReader(Protocol):
    """Reads the messages of one socket, whole and uncompressed, text or binary alike."""

    def sent(self, message: bytes) -> RequestFacts | None:
        """Facts of the turn that a message of the client begins, None where it begins none.

        Raises UnreadableRequest where it begins one that cannot be priced; the turn then does not count as begun.
        """

    def withdraw(self, request: RequestFacts) -> None:
        """The message of the turn that began last was not sent after all; `request` is what `sent` gave for it."""

    def received(self, message: bytes) -> list[Turn]:
        """The turns that a message of the provider ends. Any bytes are allowed; none raise."""

    def open_turns(self) -> list[Turn]:
        """The turns that have not ended, oldest first: what is left when the socket closes."""


class Shape(Protocol):
    """One dialect."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Facts of a request. `path` may carry a query, header names are lower-case, `body` is decoded.

        A request that opens a socket has an empty body. Raises UnreadableRequest, with a message for the agent, where
        the body cannot be priced as it stands.
        """

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> ResponseReader:
        """A reader for the answer to that request. `headers` are the answer's, lower-case."""

    def socket_reader(self, facts: RequestFacts) -> SocketReader | None:
        """A reader for the socket that this request opened; None where the dialect has none that can be metered."""
        return None
