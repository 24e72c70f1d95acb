"""What a virtual key may be used for: which providers, which models, how much money."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.caps import Action
from app.core.errors import InvalidInput
from app.core.windows import Window

MOST_NAMES = 50
MOST_CHARACTERS = 200
_PLACE = "models/"


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """Names of providers, and patterns of models in which `*` stands for any text; empty means all. Letter case does
    not count. No other sign has a meaning of its own: models are called things like `claude-opus-4-5[1m]`."""

    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def allows_provider(self, provider: str) -> bool:
        """Whether calls may go to this provider."""
        return not self.providers or provider in self.providers

    def allows_model(self, model: str) -> bool:
        """Whether this model may be asked for. A call that names no model is none that a limit on models allows."""
        return not self.models or any(_matches(pattern.lower(), model.lower()) for pattern in self.models)

    def allows_named(self, name: str) -> bool:
        """The same for a model named anywhere in a request, where some write its place before it: `models/gemini-…`,
        `projects/…/models/gemini-…`."""
        return self.allows_model(name) or (_PLACE in name and self.allows_model(name.rpartition(_PLACE)[2]))

    @property
    def words(self) -> str:
        """What it allows, for people: `anthropic, openai; claude-haiku-*`. Empty without a limit."""
        return "; ".join(", ".join(names) for names in (self.providers, self.models) if names)


NO_LIMITS = KeyLimits()


@dataclass(frozen=True, slots=True)
class KeyCap:
    """A limit on what all calls with one key cost in each window, above 0 nano-dollars."""

    limit_nano_usd: int
    window: Window
    action: Action
    time_zone: str
    week_start: int = 0


def model_patterns(texts: Iterable[str]) -> tuple[str, ...]:
    """Patterns as a person typed them, several in one text parted by commas. Raises InvalidInput."""
    found = tuple(dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip()))
    if any(not part.isprintable() or " " in part or len(part) > MOST_CHARACTERS for part in found):
        raise InvalidInput("Not a model", "A model is named without spaces, such as claude-haiku-4-5 or claude-*.")
    if len(found) > MOST_NAMES:
        raise InvalidInput(
            "Too many models", f"A key can name {MOST_NAMES} of them. A pattern like claude-* says more."
        )
    return found


def _matches(pattern: str, text: str) -> bool:
    """Walks along the fixed parts of the pattern, so that no pattern can take long."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    last = rest.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in rest:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True
