"""A person's settings: one JSON file, read whole, written whole.

Keys that this version does not know are kept, so that an older Bursar does not lose a newer one's settings. A damaged
file is told about and never overwritten.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from app.core.errors import InvalidInput
from app.core.lanes import LANES, USUAL_LANE
from app.core.network import parse_network_place
from app.core.windows import zone
from app.whole_file import write_whole

MAX_PORT = 65_535
_SUNDAY = 6
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
MOST_BACKUPS = 1_000
FEWEST_DAYS, MOST_DAYS = 40, 36_500
"""What is kept at least: the longest window of a cap that ends is a month, and it is counted from the calls."""
_PLACE = re.compile(r"\S+:[1-9]\d{0,4}")


class Theme(StrEnum):
    """How the windows are coloured; `system` follows the desktop."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class TrayInk(StrEnum):
    """What the tray icon is drawn with; `automatic` goes by the platform."""

    AUTOMATIC = "automatic"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, each with its default.

    Ports: 0 means any free one. `time_zone` is an IANA name; empty means the machine's (see `settings_zone`).
    `is_set_up`: the first run was gone through or skipped. `notifications` is the switch over the five `notify_…`;
    from `quiet_from` to `quiet_to` (`22:00`, `07:00`; empty: never) those of caps, loops and the week are held.
    The past week is told from the weekday `week_told_on` on (0 is Monday).
    `upstreams` maps a provider to the base URL its calls go to instead of its own. `private_destinations` are places
    (`gitlab.internal:443`) on this machine or its network that the forward proxy may reach. `listen` is where agents of
    containers and other machines reach the meter (`172.17.0.1:8443`; empty: nowhere), `listen_names` what they call it,
    `listen_anywhere` that the whole network may (see `app.core.network`). `backups_kept` is how many daily backups of
    the ledger are kept. Calls older than `retention_days` are dropped once they are summed; 0 keeps all. With
    `update_check` the doctor asks `update_feed` (empty: the feed of this build) for a newer Bursar. `lane` is how plain
    calls are carried. `unknown` holds keys of the file that this version has no meaning for.
    """

    gateway_port: int = 8787
    forward_port: int = 8788
    theme: Theme = Theme.SYSTEM
    tray_ink: TrayInk = TrayInk.AUTOMATIC
    time_zone: str = ""
    is_set_up: bool = False
    notifications: bool = True
    notify_caps: bool = True
    notify_waiting: bool = True
    notify_meter: bool = True
    notify_week: bool = True
    week_told_on: int = 0
    notify_loops: bool = True
    quiet_from: str = ""
    quiet_to: str = ""
    upstreams: Mapping[str, str] = field(default_factory=dict)
    private_destinations: tuple[str, ...] = ()
    listen: str = ""
    listen_names: tuple[str, ...] = ()
    listen_anywhere: bool = False
    backups_kept: int = 7
    retention_days: int = 0
    update_check: bool = False
    update_feed: str = ""
    lane: str = USUAL_LANE
    unknown: Mapping[str, Any] = field(default_factory=dict)


def load_settings(file: Path) -> Settings:
    """The settings in `file`; the defaults when there is no such file. Raises InvalidInput naming what is wrong."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(file, f"It cannot be read ({type(error).__name__}).") from None
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        place = (
            f"Line {error.lineno}: {error.msg}." if isinstance(error, json.JSONDecodeError) else "It nests too deep."
        )
        raise _damaged(file, place) from None
    if not isinstance(values, dict):
        raise _damaged(file, "Line 1: it must hold one object, { … }.")
    try:
        return _from_values(values)
    except InvalidInput as error:
        raise _damaged(file, f"{_place(text, error.title)}{error.message}") from None


def save_settings(file: Path, settings: Settings) -> None:
    """Write the settings in one step, mode 0600. Raises InvalidInput when the file there is damaged or unwritable."""
    load_settings(file)
    values = dict(settings.unknown)
    values.update((name, getattr(settings, name)) for name in _known())
    values["upstreams"] = dict(settings.upstreams)
    try:
        write_whole(file, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise InvalidInput(
            "The settings cannot be saved", f"{error.strerror or error}. See the folder’s rights."
        ) from None


def change_settings(file: Path, **changes: object) -> Settings:
    """Read, change the named settings, write, and give the new ones. Raises InvalidInput as reading and writing do."""
    current = load_settings(file)
    values = {name: getattr(current, name) for name in _known()}
    unknown = dict(current.unknown)
    settings = replace(_from_values(values | changes), unknown=unknown)
    save_settings(file, settings)
    return settings


def settings_zone(settings: Settings) -> str:
    """The IANA name of the zone that caps begin their days in: the chosen one, else the machine's, else UTC."""
    if settings.time_zone:
        return settings.time_zone
    import tzlocal  # reads files of the system; only asked where a zone is needed

    try:
        name = tzlocal.get_localzone_name()
        zone(name)
    except (InvalidInput, LookupError, OSError, ValueError):
        return "UTC"
    return str(name)


def _from_values(values: Mapping[str, Any]) -> Settings:
    """Checked settings. Raises InvalidInput whose title is the name of the setting that is wrong."""
    known = {name: values[name] for name in _known() if name in values}
    for name, value in known.items():
        _CHECKS[name](name, value)
    if "theme" in known:
        known["theme"] = Theme(known["theme"])
    if "tray_ink" in known:
        known["tray_ink"] = TrayInk(known["tray_ink"])
    for name in ("private_destinations", "listen_names"):
        if name in known:
            known[name] = tuple(known[name])
    _check_listen(known)
    return Settings(**known, unknown={name: value for name, value in values.items() if name not in _known()})


def _known() -> tuple[str, ...]:
    return tuple(item.name for item in fields(Settings) if item.name != "unknown")


def _check_port(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_PORT:
        raise InvalidInput(name, f"“{name}” must be a whole number from 0 to {MAX_PORT}.")


def _check_backups(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_BACKUPS:
        raise InvalidInput(name, f"“{name}” must be a whole number from 1 to {MOST_BACKUPS}.")


def _check_retention(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not (value == 0 or FEWEST_DAYS <= value <= MOST_DAYS):
        raise InvalidInput(name, f"“{name}” must be 0, to keep every call, or from {FEWEST_DAYS} to {MOST_DAYS}.")


def _check_choice(*choices: str) -> Callable[[str, object], None]:
    def check(name: str, value: object) -> None:
        if value not in choices:
            raise InvalidInput(name, f"“{name}” must be {', '.join(choices[:-1])} or {choices[-1]}.")

    return check


def _check_zone(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidInput(name, f"“{name}” must be a text like Europe/Berlin.")
    if value:
        try:
            zone(value)
        except InvalidInput as error:
            raise InvalidInput(name, error.message) from None


def _check_weekday(name: str, value: object) -> None:
    if type(value) is not int or not 0 <= value <= _SUNDAY:
        raise InvalidInput(name, "It must be a number from 0 (Monday) to 6 (Sunday).")


def _check_switch(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInput(name, f"“{name}” must be true or false.")


def _check_clock(name: str, value: object) -> None:
    if not isinstance(value, str) or (value and not _CLOCK.fullmatch(value)):
        raise InvalidInput(name, f"“{name}” must be a time of day like 22:00, or empty.")


def _check_upstreams(name: str, value: object) -> None:
    if not isinstance(value, Mapping) or not all(_is_base_url(url) for url in value.values()):
        raise InvalidInput(name, f"“{name}” must map a provider to a base URL that begins with http:// or https://.")


def _check_places(name: str, value: object) -> None:
    places = value if isinstance(value, list | tuple) else [None]
    if not all(isinstance(place, str) and _PLACE.fullmatch(place) for place in places):
        raise InvalidInput(name, f"“{name}” must list hosts with their ports, like gitlab.internal:443.")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidInput(name, f"“{name}” must be a text.")


def _check_feed(name: str, value: object) -> None:
    if not isinstance(value, str) or (value and not _is_base_url(value)):
        raise InvalidInput(name, f"“{name}” must be an address that begins with https://, or empty.")


def _check_names(name: str, value: object) -> None:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise InvalidInput(name, f"“{name}” must list names, like host.docker.internal.")


def _check_listen(values: Mapping[str, Any]) -> None:
    if values.get("listen"):
        try:
            parse_network_place(
                values["listen"], values.get("listen_names", ()), is_meant=values.get("listen_anywhere", False)
            )
        except InvalidInput as error:
            raise InvalidInput("listen", f"{error.title}. {error.message}") from None


def _is_base_url(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://"))


_CHECKS = {
    "gateway_port": _check_port,
    "forward_port": _check_port,
    "theme": _check_choice(*Theme),
    "tray_ink": _check_choice(*TrayInk),
    "time_zone": _check_zone,
    "is_set_up": _check_switch,
    "notifications": _check_switch,
    "notify_caps": _check_switch,
    "notify_waiting": _check_switch,
    "notify_meter": _check_switch,
    "notify_week": _check_switch,
    "week_told_on": _check_weekday,
    "notify_loops": _check_switch,
    "quiet_from": _check_clock,
    "quiet_to": _check_clock,
    "upstreams": _check_upstreams,
    "private_destinations": _check_places,
    "listen": _check_text,
    "listen_names": _check_names,
    "listen_anywhere": _check_switch,
    "backups_kept": _check_backups,
    "retention_days": _check_retention,
    "update_check": _check_switch,
    "update_feed": _check_feed,
    "lane": _check_choice(*LANES),
}


def _place(text: str, name: str) -> str:
    """`Line 4: ` of the line that names the setting; empty when no line does."""
    for number, line in enumerate(text.splitlines(), start=1):
        if f'"{name}"' in line:
            return f"Line {number}: "
    return ""


def _damaged(file: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        "The settings cannot be read", f"{file}: {reason} Mend the file, or move it away to start from the defaults."
    )
