"""Taking Bursar off a machine: what is there of it, what is given back without a question, and what goes only on a
person's word.

Its folders are emptied by name, and one in which something else lies stays: no `BURSAR_HOME` can cost a person more.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app import paths
from app.core.errors import AppError, MeterError
from app.core.provider_keys import KeyName
from app.core.webhooks import OTLP_HEADERS_ENTRY
from app.keys.team_password import TEAM_ENTRY
from app.keys.vault import Vault
from app.ledger.attendance import any_run
from app.ledger.engine import Ledger
from app.ledger.file_lock import is_held
from app.ledger.meter_state import is_alive, request_stop, running_meter
from app.ledger.places import attendance_folder
from app.ledger.provider_key_store import list_provider_keys
from app.services.agents.connecting import CONNECTIONS, connected_agents
from app.services.agents.lasting import disconnect_agent
from app.services.autostart import autostart_file, stop_at_login
from app.services.keeper import end_keeper, keepers_of
from app.services.meter import STOP_LIMIT_S
from app.services.settings import Settings, load_settings
from app.services.system_service import SystemService

LEDGER_NAMES = ("ledger.sqlite*", ".ledger.sqlite*", "backups", "quarantine", CONNECTIONS, "told.json")
OTHER_NAMES = ("settings.json*", "window.ini*", "meter", "log", "*.log*")
_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Traces:
    """What there is of Bursar beside its program. `login` starts it at login; by `service` the system keeps the meter;
    `agents` are connected for good; `keys` lie in the keyring, and `secrets` of exports by their entries; `ledger` and
    `others` are files and folders, all in `folders`."""

    login: Path | None
    service: SystemService | None
    agents: tuple[str, ...]
    keys: tuple[KeyName, ...]
    secrets: tuple[str, ...]
    ledger: tuple[Path, ...]
    others: tuple[Path, ...]
    folders: tuple[Path, ...]


def find_traces(ledger: Ledger, environment: Mapping[str, str], service: SystemService) -> Traces:
    """What is there; `service` is what the system's would be. Raises LedgerError, or OSError as the folders do."""
    data, config = paths.data_folder(), paths.config_folder()
    folders = tuple(dict.fromkeys((paths.log_place(), config, data)))
    login = autostart_file(environment)
    return Traces(
        login=login if login is not None and login.exists() else None,
        service=service if service.is_installed else None,
        agents=tuple(connected_agents(data / CONNECTIONS)),
        keys=(*(key.name for key in list_provider_keys(ledger)), *_team_password()),
        secrets=export_entries(load_settings(paths.settings_path())),
        ledger=tuple(_named([data], LEDGER_NAMES)),
        others=tuple(_named(folders, OTHER_NAMES)),
        folders=folders,
    )


def _team_password() -> tuple[KeyName, ...]:
    """That of the team that was joined lies beside the keys, as one of them."""
    return (KeyName(TEAM_ENTRY),) if load_settings(paths.settings_path()).team_url else ()


def end_meter(ledger: Ledger) -> bool:
    """Have the meter end, and the keeper that holds it; whether there was one. Raises MeterError while a tray, a
    `bursar proxy` or an agent's run needs it, or when it does not end."""
    kept = keepers_of(ledger.path)
    if _is_attended(ledger, {keeper.note for keeper in kept}) or any_run(ledger):
        raise MeterError(
            "Bursar is in use", "Quit the tray, end bursar proxy and the agents that bursar run started. Then again."
        )
    meter = running_meter(ledger)
    for keeper in kept:
        with suppress(MeterError):  # it ended by itself
            end_keeper(keeper)
    if meter is not None:
        request_stop(ledger, meter.instance_id)
    until = time.monotonic() + STOP_LIMIT_S
    while keepers_of(ledger.path) or (meter is not None and is_alive(ledger, meter.instance_id)):
        if time.monotonic() > until:
            raise MeterError("The meter does not stop", "End its process yourself: bursar doctor names it. Then again.")
        time.sleep(_LOOK_S)
    return bool(kept or meter)


def _is_attended(ledger: Ledger, keepers: set[Path]) -> bool:
    """Whether a tray or a `bursar proxy` lives: they are there as keepers' processes are, but tell nothing."""
    present = attendance_folder(ledger.path).glob("keeper-*")
    return any(note not in keepers and not note.suffix and is_held(note) for note in present)


def give_back(ledger: Ledger, traces: Traces) -> Iterator[str]:
    """Take back what was changed outside Bursar's folders; tells each thing, and what could not be."""
    if traces.login is not None:
        yield _told(partial(stop_at_login, traces.login), f"{traces.login} is removed.")
    for agent in traces.agents:
        yield _disconnected(ledger, agent)


def export_entries(settings: Settings) -> tuple[str, ...]:
    """What the vault may hold for exports, by its entries."""
    headers = (OTLP_HEADERS_ENTRY,) if settings.otlp_endpoint else ()
    return headers + tuple(
        entry for webhook in settings.webhooks for entry in (webhook.address_entry, webhook.secret_entry)
    )


def forget_keys(vault: Vault, keys: Iterable[KeyName], secrets: Iterable[str] = ()) -> Iterator[str]:
    """Take these out of the keyring; tells each, and what could not be."""
    for entry in secrets:
        yield _told(partial(vault.delete, entry), f"{entry} is out of the keyring.")
    for key in keys:
        yield _told(partial(vault.delete, key.entry), f"The key for {key.words} is out of the keyring.")


def delete(places: Iterable[Path]) -> Iterator[str]:
    """Delete these files and folders; tells what could not be."""
    for place in places:
        try:
            shutil.rmtree(place) if place.is_dir() and not place.is_symlink() else place.unlink(missing_ok=True)
        except OSError as error:
            yield f"{place} stays: {error.strerror or type(error).__name__}."


def remove_folders(folders: Iterable[Path]) -> Iterator[str]:
    """Remove what is empty of these; tells what else lies in the others."""
    for folder in folders:
        if folder.is_dir():
            inside = sorted(file.name for file in folder.iterdir())
            if inside:
                yield f"{folder} stays, with {', '.join(inside[:8])}{' and more' if len(inside) > 8 else ''}."
            else:
                folder.rmdir()


def _named(folders: Iterable[Path], names: Iterable[str]) -> Iterator[Path]:
    found = (place for folder in folders for name in names for place in sorted(folder.glob(name)))
    yield from dict.fromkeys(found)


def _disconnected(ledger: Ledger, agent: str) -> str:
    try:
        return f"{disconnect_agent(ledger, ledger.path.with_name(CONNECTIONS), agent)} is as it was before {agent}."
    except AppError as error:
        return f"{agent} stays connected. {error.title}: {error.message}"


def _told(work: Callable[[], None], done: str) -> str:
    try:
        work()
    except AppError as error:
        return f"{error.title}: {error.message}"
    return done
