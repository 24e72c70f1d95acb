"""The tool calls of one answer, watched as they come: whole, or in pieces of their arguments.

Arguments are hashed and counted, and forgotten. So that the same arguments have the same hash however they are spaced
and ordered, up to 32 KiB of a call's arguments are held until they are whole, and hashed as canonical JSON (keys
sorted, no spaces). Longer ones are hashed as they come, piece by piece, and are equal only where they are written in
the same way; so is what is no JSON, such as a patch. Of one answer at most 256 tool calls are watched.

A tool call counts once all of it was said: what broke off was never run.
"""

import contextlib
import hashlib
from typing import Any

import msgspec

from app.core.tool_call import ToolResult, ToolUse
from proxy_addon.shapes.fields import text

CANONICAL_BYTES = 32 * 1024
MAX_USES = 256
_ENCODER = msgspec.json.Encoder(order="deterministic")
_UNWRITABLE = (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError)


class Arguments:
    """The hash and the size of a tool call's arguments, fed with their JSON text."""

    def __init__(self) -> None:
        self.size = 0
        self._held = bytearray()
        self._hash: Any = None

    def feed(self, piece: str) -> None:
        """Take the next piece of the text."""
        data = piece.encode("utf-8", "surrogatepass")
        self.size += len(data)
        if self._hash is not None:
            self._hash.update(data)
        elif len(self._held) + len(data) > CANONICAL_BYTES:
            self._hash = hashlib.sha256(self._held)
            self._hash.update(data)
            self._held = bytearray()
        else:
            self._held += data

    def digest(self) -> bytes:
        """The hash of all that was fed."""
        if self._hash is not None:
            return bytes(self._hash.digest())
        return _digest_of_text(bytes(self._held))


def digest_of(arguments: object) -> tuple[bytes, int]:
    """Hash and size in bytes of whole arguments: a text, or a value of JSON. None counts as an empty object."""
    if isinstance(arguments, str):
        fed = Arguments()
        fed.feed(arguments)
        return fed.digest(), fed.size
    value = {} if arguments is None else arguments
    encoded = _encoded(value)
    if len(encoded) > CANONICAL_BYTES:
        return hashlib.sha256(encoded).digest(), len(encoded)
    return _digest_of_text(encoded), len(encoded)


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except _UNWRITABLE:
        return repr(value).encode("utf-8", "backslashreplace")


def _digest_of_text(data: bytes) -> bytes:
    with contextlib.suppress(*_UNWRITABLE):  # what is no JSON is hashed as it is
        data = _ENCODER.encode(msgspec.json.decode(data)) if data else b"{}"
    return hashlib.sha256(data).digest()


class _Coming:
    """A tool call whose arguments are still being said. `initial` are those that its beginning gave."""

    def __init__(self, name: str, provider_id: str, server: str, initial: object, *, is_hosted: bool) -> None:
        self.name = name
        self.provider_id = provider_id
        self.server = server
        self.is_hosted = is_hosted
        self.arguments = Arguments()
        self.initial = initial

    def use(self) -> ToolUse:
        """The tool call, whole."""
        digest, size = self.arguments.digest(), self.arguments.size
        if not size:
            digest, size = digest_of(self.initial)
        return ToolUse(self.name, self.provider_id, digest, size, self.server, self.is_hosted)


class ToolWatch:
    """What an answer says of tools. `uses` are the tool calls that are whole, in the order of their ends, `results`
    those of tools that the provider ran itself."""

    def __init__(self) -> None:
        self.uses: tuple[ToolUse, ...] = ()
        self.results: tuple[ToolResult, ...] = ()
        self._coming: dict[object, _Coming] = {}
        self._known: set[str] = set()

    def add(
        self, name: object, provider_id: object, arguments: object, *, server: object = "", is_hosted: bool = False
    ) -> None:
        """A tool call that comes whole. One whose id is known already is the same one, told again."""
        if len(self.uses) >= MAX_USES or self._is_known(text(provider_id)):
            return
        digest, size = digest_of(arguments)
        self.uses = (*self.uses, ToolUse(text(name), text(provider_id), digest, size, text(server), is_hosted))

    def begin(
        self,
        slot: object,
        name: object,
        provider_id: object,
        initial: object = None,
        *,
        server: object = "",
        is_hosted: bool = False,
    ) -> None:
        """A tool call that comes in pieces; `slot` is what its pieces are known by."""
        if len(self._coming) + len(self.uses) < MAX_USES:
            coming = _Coming(text(name), text(provider_id), text(server), initial, is_hosted=is_hosted)
            self._coming[slot] = coming

    def grow(self, slot: object, piece: object) -> None:
        """The next piece of a tool call's arguments."""
        coming = self._coming.get(slot)
        if coming is not None and isinstance(piece, str):
            coming.arguments.feed(piece)

    def replace(self, slot: object, name: object, arguments: object) -> None:
        """The arguments of a tool call, whole, after its beginning."""
        coming = self._coming.get(slot)
        if coming is not None:
            coming.name, coming.initial = text(name) or coming.name, arguments

    def name(self, slot: object, name: object, provider_id: object) -> None:
        """What a later piece says of a tool call whose beginning left it out."""
        coming = self._coming.get(slot)
        if coming is not None:
            coming.name = coming.name or text(name)
            coming.provider_id = coming.provider_id or text(provider_id)

    def id_of(self, slot: object) -> str | None:
        """The id of the tool call that is coming there; None where none is."""
        coming = self._coming.get(slot)
        return None if coming is None else coming.provider_id

    def end(self, slot: object) -> None:
        """A tool call is whole."""
        coming = self._coming.pop(slot, None)
        if coming is not None and not self._is_known(coming.provider_id):
            self.uses = (*self.uses, coming.use())

    def end_all(self) -> None:
        """All tool calls are whole: the answer has ended."""
        for slot in tuple(self._coming):
            self.end(slot)

    def answer(self, result: ToolResult) -> None:
        """The result of a tool that the provider ran."""
        if len(self.results) < MAX_USES:
            self.results = (*self.results, result)

    def _is_known(self, provider_id: str) -> bool:
        """Whether the id was told before; from now on it was."""
        if not provider_id:
            return False
        is_known = provider_id in self._known
        self._known.add(provider_id)
        return is_known
