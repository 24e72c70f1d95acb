"""Walks through every state that a protocol can reach, breadth first, and stops at the first broken promise."""

from collections import deque
from dataclasses import dataclass

from tests.model.protocol import Setting, broken_promise, steps


@dataclass(frozen=True, slots=True)
class Found:
    """How many states were seen, and the promise that was broken with the steps that lead there; empty when none."""

    states: int
    broken: str = ""
    path: tuple[str, ...] = ()


def search(setting: Setting, *, most_states: int | None = None) -> Found:
    """Explore all states, or as many as `most_states`."""
    came_from: dict[bytes, tuple[bytes, str] | None] = {setting.start: None}
    ahead = deque([setting.start])
    while ahead and (most_states is None or len(came_from) < most_states):
        state = ahead.popleft()
        for name, following in steps(setting, state):
            if following in came_from:
                continue
            came_from[following] = state, name
            broken = broken_promise(setting, following)
            if broken:
                return Found(len(came_from), broken, _path(came_from, following))
            ahead.append(following)
    return Found(len(came_from))


def _path(came_from: dict[bytes, tuple[bytes, str] | None], state: bytes) -> tuple[str, ...]:
    names: list[str] = []
    while (before := came_from[state]) is not None:
        state, name = before
        names.append(name)
    return tuple(reversed(names))
