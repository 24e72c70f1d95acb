"""A guard: what keeps one thing that goes wrong from doing harm, the edit that takes it away, and who notices."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Guard:
    """`old` stands exactly once in `file`; with `new` in its place the guard is gone, and each of `tests` (below
    `tests/`) must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def without(self, root: Path) -> str:
        """The text of its file without it. Raises ValueError where the file has changed since this was written."""
        text = (root / self.file).read_text("utf-8")
        if text.count(self.old) != 1 or self.old == self.new:
            raise ValueError(
                f"{self.name}: what is to be taken out of {self.file} stands there {text.count(self.old)} times"
            )
        return text.replace(self.old, self.new)
