"""Picking one of several by what a person typed."""

from collections.abc import Callable, Sequence

from app.core.errors import InvalidInput

SHOWN = 6


def short_id(identifier: str) -> str:
    """The end of an id, which is random; its beginning is the time and nearly the same for all."""
    return identifier[-SHOWN:]


def choose[T](items: Sequence[T], text: str, names: Callable[[T], Sequence[str]], *, kind: str, listing: str) -> T:
    """The one item that has `text` as a name (case aside) or whose first name, its id, ends in it.

    An empty text means the only one there is. Raises InvalidInput for none or several; `kind` is what an item is
    called and `listing` the command that shows them.
    """
    wanted = text.casefold()
    found = [item for item in items if not text or wanted in [name.casefold() for name in names(item)]]
    if not found:
        found = [item for item in items if len(text) >= SHOWN and names(item)[0].endswith(wanted)]
    if len(found) == 1:
        return found[0]
    title = f"Several {kind}s match" if found else f"No such {kind}"
    if not items:
        title = f"There is no {kind}"
    raise InvalidInput(title, f"Name one {kind} by its id, as shown by: {listing}")
