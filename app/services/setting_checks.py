"""What each setting may hold. A check raises InvalidInput whose title is the setting's name."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from app.core.errors import InvalidInput
from app.core.money import parse_usd
from app.core.network import parse_network_place
from app.core.team import parse_team_url
from app.core.windows import zone
from app.services.webhook_settings import webhooks_of

MAX_PORT = 65_535
_SUNDAY = 6
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
MOST_BACKUPS = 1_000
FEWEST_DAYS, MOST_DAYS = 40, 36_500
"""What is kept at least: the longest window of a cap that ends is a month, and it is counted from the calls."""
_PLACE = re.compile(r"\S+:[1-9]\d{0,4}")


def check_port(name: str, value: object) -> None:
    """A port; 0 means any free one, or none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_PORT:
        raise InvalidInput(name, f"“{name}” must be a whole number from 0 to {MAX_PORT}.")


def check_backups(name: str, value: object) -> None:
    """How many backups are kept."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_BACKUPS:
        raise InvalidInput(name, f"“{name}” must be a whole number from 1 to {MOST_BACKUPS}.")


def check_retention(name: str, value: object) -> None:
    """How many days calls are kept."""
    if not isinstance(value, int) or isinstance(value, bool) or not (value == 0 or FEWEST_DAYS <= value <= MOST_DAYS):
        raise InvalidInput(name, f"“{name}” must be 0, to keep every call, or from {FEWEST_DAYS} to {MOST_DAYS}.")


def check_choice(*choices: str) -> Callable[[str, object], None]:
    """One of these words."""

    def check(name: str, value: object) -> None:
        if value not in choices:
            raise InvalidInput(name, f"“{name}” must be {', '.join(choices[:-1])} or {choices[-1]}.")

    return check


def check_zone(name: str, value: object) -> None:
    """A time zone's IANA name, or nothing."""
    if not isinstance(value, str):
        raise InvalidInput(name, f"“{name}” must be a text like Europe/Berlin.")
    if value:
        try:
            zone(value)
        except InvalidInput as error:
            raise InvalidInput(name, error.message) from None


def check_weekday(name: str, value: object) -> None:
    """A day of the week as a number."""
    if type(value) is not int or not 0 <= value <= _SUNDAY:
        raise InvalidInput(name, "It must be a number from 0 (Monday) to 6 (Sunday).")


def check_switch(name: str, value: object) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidInput(name, f"“{name}” must be true or false.")


def check_clock(name: str, value: object) -> None:
    """A time of day, or nothing."""
    if not isinstance(value, str) or (value and not _CLOCK.fullmatch(value)):
        raise InvalidInput(name, f"“{name}” must be a time of day like 22:00, or empty.")


def check_upstreams(name: str, value: object) -> None:
    """Providers with a base URL each."""
    if not isinstance(value, Mapping) or not all(is_base_url(url) for url in value.values()):
        raise InvalidInput(name, f"“{name}” must map a provider to a base URL that begins with http:// or https://.")


def check_places(name: str, value: object) -> None:
    """Hosts with their ports."""
    places = value if isinstance(value, list | tuple) else [None]
    if not all(isinstance(place, str) and _PLACE.fullmatch(place) for place in places):
        raise InvalidInput(name, f"“{name}” must list hosts with their ports, like gitlab.internal:443.")


def check_text(name: str, value: object) -> None:
    """Any text."""
    if not isinstance(value, str):
        raise InvalidInput(name, f"“{name}” must be a text.")


def check_feed(name: str, value: object) -> None:
    """An address of a release feed, or nothing."""
    if not isinstance(value, str) or (value and not is_base_url(value)):
        raise InvalidInput(name, f"“{name}” must be an address that begins with https://, or empty.")


def check_team_url(name: str, value: object) -> None:
    """The address of a team's ledger, without a password, or nothing."""
    check_text(name, value)
    if value:
        try:
            _, password = parse_team_url(str(value))
        except InvalidInput as error:
            raise InvalidInput(name, f"{error.title}. {error.message}") from None
        if password is not None:
            raise InvalidInput(name, f"“{name}” must hold no password: that belongs in the keyring.")


def check_amount(name: str, value: object) -> None:
    """Dollars, or nothing."""
    check_text(name, value)
    if value:
        try:
            parse_usd(str(value))
        except InvalidInput:
            raise InvalidInput(name, f"“{name}” must be an amount of dollars like 2.50, or empty.") from None


def check_names(name: str, value: object) -> None:
    """Any texts."""
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(name, f"“{name}” must list names, like host.docker.internal.")


def check_listen(values: Mapping[str, Any]) -> None:
    """Where agents elsewhere reach the meter, with its names."""
    if values.get("listen"):
        try:
            parse_network_place(
                values["listen"], values.get("listen_names", ()), is_meant=values.get("listen_anywhere", False)
            )
        except InvalidInput as error:
            raise InvalidInput("listen", f"{error.title}. {error.message}") from None


def is_base_url(value: object) -> bool:
    """Whether it looks like one."""
    return isinstance(value, str) and value.startswith(("http://", "https://"))


def check_endpoint(name: str, value: object) -> None:
    """A collector's address, or nothing."""
    if not isinstance(value, str) or (value and not is_base_url(value)):
        raise InvalidInput(name, f"“{name}” must be an address like http://localhost:4318, or empty.")


def check_webhooks(name: str, value: object) -> None:
    """Webhooks, each as an object."""
    try:
        webhooks_of(value)
    except InvalidInput as error:
        raise InvalidInput(name, f"“{name}”: {error.message}") from None
