"""The columns of the two tables of keys."""

from collections.abc import Callable
from dataclasses import replace

from app.core.caps import Cap
from app.core.money import UNKNOWN, format_usd
from app.core.provider_keys import KeyName, ProviderKey, Trial, trial_words
from app.core.providers import provider_host, provider_title
from app.core.windows import Window
from app.desktop.formats import day
from app.desktop.models.columns import Clock
from app.desktop.models.rows import Column
from app.ledger.key_store import VirtualKey

_MARKS = {
    Trial.NONE: "circle-dashed",
    Trial.WORKS: "check",
    Trial.REFUSED: "x-circle",
    Trial.UNREACHABLE: "warning",
    Trial.UNTESTABLE: "circle-dashed",
}
_MOST_PROJECTS = 2
_PER = {
    Window.DAY: "a day",
    Window.WEEK: "a week",
    Window.MONTH: "a month",
    Window.SESSION: "a session",
    Window.TOTAL: "in total",
}
_INKS = {Trial.REFUSED: "at_text", Trial.UNREACHABLE: "near_text"}


def key_title(name: KeyName) -> str:
    """What to call a key before people: `Anthropic, personal`."""
    title = provider_title(name.provider)
    return f"{title}, {name.label}" if name.label else title


def provider_key_columns(clock: Clock) -> list[Column[ProviderKey]]:
    """The providers' own keys in the keyring."""
    return [
        Column(
            "Name", lambda key: key_title(key.name), ink="text", is_strong=True, gives_way=True,
            hint=lambda key: f"{key_title(key.name)}, added {clock.exactly(key.added_at)}",
        ),
        Column("Host", lambda key: provider_host(key.name.provider) or UNKNOWN, grows=True, gives_way=True, hint=_host),
        Column(
            "State", lambda key: key_state(key, clock), gives_way=True,
            hint=lambda key: _state_hint(key, clock),
            mark=lambda key: _MARKS[key.trial], ink_of=lambda key: _INKS.get(key.trial, "text_2"),
        ),
        Column("Use", key_use, gives_way=True, hint=lambda key: ", ".join(_uses(key))),
        Column(
            "Last used", lambda key: clock.ago(key.last_used_at), is_amount=True,
            hint=lambda key: clock.exactly(key.last_used_at),
        ),
    ]  # fmt: skip


def key_columns(clock: Clock, cap_of: Callable[[VirtualKey], Cap | None]) -> list[Column[VirtualKey]]:
    """Virtual keys. `cap_of` knows the cap that a key has of its own."""
    return [
        Column(
            "Name", lambda key: key.name, ink="text", is_strong=True, grows=True, gives_way=True,
            hint=lambda key: key.name,
        ),
        Column("Key", lambda key: f"{key.prefix}…", is_code=True),
        Column("Project", lambda key: key.tags.project or UNKNOWN, gives_way=True, hint=lambda key: key.tags.project),
        Column("Agent", lambda key: key.tags.agent or UNKNOWN, gives_way=True, hint=lambda key: key.tags.agent),
        Column(
            "May use", lambda key: key_limits(key, clock), gives_way=True, hint=lambda key: key_limits(key, clock),
            ink_of=lambda key: "text_2" if key.is_live(clock.now) else "at_text",
        ),
        Column("Cap", lambda key: _cap_words(cap_of(key)), is_amount=True),
        Column("Spent", lambda key: format_usd(key.spent_nano_usd), is_amount=True, ink="text", is_strong=True),
        Column(
            "Last used", lambda key: clock.ago(key.last_used_at), is_amount=True,
            hint=lambda key: clock.exactly(key.last_used_at),
        ),
    ]  # fmt: skip


def key_limits(key: VirtualKey, clock: Clock) -> str:
    """What a virtual key may be used for, and until when: `anthropic; claude-haiku-*; until Dec 1`."""
    if not key.is_live(clock.now):
        return "Nothing: it has expired"
    end = "" if key.expires_at is None else f"until {day(key.expires_at.astimezone(clock.zone))}"
    return "; ".join(part for part in (key.limits.words, end) if part) or "All"


def key_state(key: ProviderKey, clock: Clock) -> str:
    """What the last test said, and when where it went well: `Works, tested 2 h ago`."""
    said = trial_words(key.name.provider, key.trial)
    if key.trial is Trial.WORKS and key.tested_at is not None:
        return f"{said}, tested {clock.phrase(key.tested_at)}"
    return said


def key_use(key: ProviderKey) -> str:
    """Whose calls use a key."""
    if len(key.projects) <= _MOST_PROJECTS:
        return ", ".join(_uses(key)) or "Not used"
    return ", ".join([*_uses(replace(key, projects=())), f"{len(key.projects)} projects"])


def _uses(key: ProviderKey) -> list[str]:
    return [*(["Default"] if key.is_default else []), *key.projects]


def _state_hint(key: ProviderKey, clock: Clock) -> str:
    said = trial_words(key.name.provider, key.trial)
    return said if key.tested_at is None else f"{said}, {clock.exactly(key.tested_at)}"


def _cap_words(cap: Cap | None) -> str:
    return UNKNOWN if cap is None else f"{format_usd(cap.limit_nano_usd)} {_PER[cap.window]}"


def _host(key: ProviderKey) -> str:
    return provider_host(key.name.provider)
