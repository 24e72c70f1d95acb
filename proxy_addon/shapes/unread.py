"""Calls whose answers tell no usage: they go through, and are written down without a price."""

from collections.abc import Mapping

from app.core.exchange import RequestFacts, ResponseFacts
from proxy_addon.shapes.reading import NO_HEADERS, Shape


class Unmetered(Shape):
    """The shape of a call that no other shape can read: nothing of it is looked at."""

    def read_request(self, path: str, headers: Mapping[str, str], body: bytes) -> RequestFacts:
        """Nothing but the size."""
        return RequestFacts(model="", is_stream=False, body_bytes=len(body), is_input_bounded=False)

    def reader(self, facts: RequestFacts, headers: Mapping[str, str] = NO_HEADERS) -> "Unread":
        """A reader that tells nothing."""
        return Unread()


class Unread:
    """Looks at nothing and tells nothing."""

    def feed(self, payload: bytes) -> None:
        """Take no notice."""

    def facts(self) -> ResponseFacts:
        """Nothing is known."""
        return ResponseFacts()
