"""A person's settings: one JSON file, read whole, written whole.

Keys that this version does not know are kept, so that an older Bursar does not lose a newer one's settings. A damaged
file is told about and never overwritten.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from app.core.errors import InvalidInput
from app.core.lanes import LANES, USUAL_LANE
from app.core.webhooks import Webhook
from app.core.windows import zone
from app.services.setting_checks import (
    check_amount,
    check_backups,
    check_choice,
    check_clock,
    check_endpoint,
    check_feed,
    check_listen,
    check_names,
    check_places,
    check_port,
    check_retention,
    check_switch,
    check_team_url,
    check_text,
    check_upstreams,
    check_webhooks,
    check_weekday,
    check_zone,
)
from app.services.webhook_settings import webhook_values, webhooks_of
from app.whole_file import write_whole


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
    calls are carried. `team_url` is the address of the ledger of the team called `team_name` (empty: none; its password
    lies in the keyring), `team_lease` how many dollars are asked for in advance of each of its caps (empty: none), and
    `team_certificate` the file of who vouches for its server (empty: whom the system believes). Prometheus is answered
    at `prometheus_port` of this machine (0: not), OpenTelemetry is told at `otlp_endpoint` (empty: nowhere), and
    `webhooks` of what happens; their secrets lie in the keyring. `unknown` holds keys of the file that this version has
    no meaning for.
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
    team_url: str = ""
    team_name: str = ""
    team_lease: str = ""
    team_certificate: str = ""
    prometheus_port: int = 0
    otlp_endpoint: str = ""
    webhooks: tuple[Webhook, ...] = ()
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
    values["webhooks"] = webhook_values(settings.webhooks)
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
    if "webhooks" in known:
        known["webhooks"] = webhooks_of(known["webhooks"])
    check_listen(known)
    return Settings(**known, unknown={name: value for name, value in values.items() if name not in _known()})


def _known() -> tuple[str, ...]:
    return tuple(item.name for item in fields(Settings) if item.name != "unknown")


_CHECKS = {
    "gateway_port": check_port,
    "forward_port": check_port,
    "theme": check_choice(*Theme),
    "tray_ink": check_choice(*TrayInk),
    "time_zone": check_zone,
    "is_set_up": check_switch,
    "notifications": check_switch,
    "notify_caps": check_switch,
    "notify_waiting": check_switch,
    "notify_meter": check_switch,
    "notify_week": check_switch,
    "week_told_on": check_weekday,
    "notify_loops": check_switch,
    "quiet_from": check_clock,
    "quiet_to": check_clock,
    "upstreams": check_upstreams,
    "private_destinations": check_places,
    "listen": check_text,
    "listen_names": check_names,
    "listen_anywhere": check_switch,
    "backups_kept": check_backups,
    "retention_days": check_retention,
    "update_check": check_switch,
    "update_feed": check_feed,
    "lane": check_choice(*LANES),
    "team_url": check_team_url,
    "team_name": check_text,
    "team_lease": check_amount,
    "team_certificate": check_text,
    "prometheus_port": check_port,
    "otlp_endpoint": check_endpoint,
    "webhooks": check_webhooks,
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
