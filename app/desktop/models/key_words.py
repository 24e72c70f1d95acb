"""Every key and what it does, as the list of keys tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyWords:
    """Keys in Qt's portable spelling, any of which does it."""

    keys: tuple[str, ...]
    does: str


EVERYWHERE = (
    KeyWords(("Ctrl+1", "Ctrl+9"), "Open a page"),
    KeyWords(("Ctrl+,",), "Open Settings"),
    KeyWords(("Ctrl+N",), "New cap, key or price"),
    KeyWords(("Ctrl+F", "/"), "Search sessions or prices"),
    KeyWords(("F5", "Ctrl+R"), "Read again"),
    KeyWords(("Ctrl+C",), "Copy the chosen row as text"),
    KeyWords(("Ctrl+Z",), "Undo while it is offered"),
    KeyWords(("Ctrl+Shift+P",), "Pause everything, or resume"),
    KeyWords(("Esc",), "Close the popover, a panel, a search"),
    KeyWords(("?",), "This list"),
)
ON_ROWS = (
    KeyWords(("Return",), "Open or edit"),
    KeyWords(("Backspace", "Alt+Left"), "Back"),
    KeyWords(("Space",), "Fold a session out or in"),
    KeyWords(("E",), "Explain a session’s cost"),
    KeyWords(("S",), "Stop a session"),
    KeyWords(("P",), "Pause a session, or let it go on"),
    KeyWords(("Del",), "Remove a cap, key or price; revoke a key"),
    KeyWords(("T",), "The Overview’s graph as a table"),
)
ON_APPROVALS = (
    KeyWords(("A",), "Approve once"),
    KeyWords(("Shift+A",), "Approve all of its session’s calls"),
    KeyWords(("S",), "Approve for the session"),
    KeyWords(("R",), "Raise the cap"),
    KeyWords(("X",), "Refuse"),
)
SECTIONS = {
    "Everywhere": EVERYWHERE,
    "On a row, or a page": ON_ROWS,
    "On a call that waits, half a second after it came": ON_APPROVALS,
}
