"""Which providers have keys in the vault, and which key a project's calls use. Never a key."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.errors import InvalidInput
from app.core.provider_keys import KeyName, ProviderKey, Trial
from app.ledger.engine import Ledger
from app.ledger.key_tables import project_keys, provider_keys
from app.ledger.statement import Statement

_ALL = Statement(
    select(provider_keys).order_by(provider_keys.c.provider, provider_keys.c.is_default.desc(), provider_keys.c.label)
)
_CHOSEN = Statement(
    select(project_keys.c.project, project_keys.c.provider, project_keys.c.label).order_by(project_keys.c.project)
)


def list_provider_keys(ledger: Ledger) -> list[ProviderKey]:
    """The keys in the vault: by provider, its default first. Raises LedgerError."""
    with ledger.read() as connection:
        return read_provider_keys(connection)


def read_provider_keys(connection: Connection) -> list[ProviderKey]:
    """As `list_provider_keys`, within the transaction at hand."""
    projects: dict[KeyName, list[str]] = {}
    for project, provider, label in _CHOSEN.rows(connection, {}):
        projects.setdefault(KeyName(provider, label), []).append(project)
    return [_key_of(row, projects) for row in _ALL.mappings(connection, {})]


def note_provider_key(ledger: Ledger, name: KeyName, at: datetime, trial: Trial = Trial.NONE) -> None:
    """Note that a key was put into the vault, or replaced: the meter reads it again. A provider's first key is its
    default. `trial` is what came of testing it just now."""
    values = {"added_at": at, "trial": trial.value, "tested_at": at if trial is not Trial.NONE else None}
    with ledger.write() as connection:
        is_first = not connection.execute(select(provider_keys.c.label).where(_of_provider(name.provider))).first()
        noted = upsert(provider_keys).values(
            provider=name.provider, label=name.label, is_default=is_first, last_used_at=None, **values
        )
        connection.execute(noted.on_conflict_do_update(index_elements=["provider", "label"], set_=values))


def forget_provider_key(ledger: Ledger, name: KeyName) -> None:
    """Note that a key was taken out of the vault. Projects that used it use the default, which is the oldest one left
    where this was it."""
    with ledger.write() as connection:
        connection.execute(delete(project_keys).where(_of_project(name)))
        connection.execute(delete(provider_keys).where(_is(name)))
        left = select(provider_keys).where(_of_provider(name.provider)).order_by(provider_keys.c.added_at)
        others = connection.execute(left).mappings().all()
        if others and not any(row["is_default"] for row in others):
            _make_default(connection, KeyName(name.provider, others[0]["label"]))


def set_default_key(ledger: Ledger, name: KeyName) -> None:
    """Let calls use this key, save those of projects that were told another. Raises InvalidInput for no such key."""
    with ledger.write() as connection:
        _check(connection, name)
        _make_default(connection, name)


def set_project_key(ledger: Ledger, project: str, name: KeyName) -> None:
    """Let a project's calls to this provider use this key. Raises InvalidInput for no such key or no project."""
    if not project.strip():
        raise InvalidInput("No project was named", "Name the project whose calls are to use this key.")
    with ledger.write() as connection:
        _check(connection, name)
        connection.execute(
            delete(project_keys).where(project_keys.c.project == project, project_keys.c.provider == name.provider)
        )
        connection.execute(insert(project_keys).values(project=project, provider=name.provider, label=name.label))


def unset_project_key(ledger: Ledger, project: str, provider: str) -> None:
    """Let a project's calls to a provider use the default again. Raises InvalidInput where it was told no key."""
    told = (project_keys.c.project == project, project_keys.c.provider == provider)
    with ledger.write() as connection:
        if connection.execute(delete(project_keys).where(*told)).rowcount == 0:
            raise InvalidInput("This project uses the default", "It was told no key of its own for this provider.")


def note_trial(ledger: Ledger, name: KeyName, trial: Trial, at: datetime) -> None:
    """Note what came of testing a key. Nothing happens for one that is gone."""
    with ledger.write() as connection:
        connection.execute(update(provider_keys).where(_is(name)).values(trial=trial.value, tested_at=at))


def note_use(connection: Connection, name: KeyName, at: datetime) -> None:
    """Note that a call uses a key, within the transaction at hand."""
    connection.execute(update(provider_keys).where(_is(name)).values(last_used_at=at))


def _make_default(connection: Connection, name: KeyName) -> None:
    connection.execute(update(provider_keys).where(_of_provider(name.provider)).values(is_default=False))
    connection.execute(update(provider_keys).where(_is(name)).values(is_default=True))


def _check(connection: Connection, name: KeyName) -> None:
    if connection.execute(select(provider_keys.c.label).where(_is(name))).first() is None:
        raise InvalidInput("No such key", "It is not in the keyring. See: bursar keys provider list")


def _is(name: KeyName) -> Any:
    return (provider_keys.c.provider == name.provider) & (provider_keys.c.label == name.label)


def _of_provider(provider: str) -> Any:
    return provider_keys.c.provider == provider


def _of_project(name: KeyName) -> Any:
    return (project_keys.c.provider == name.provider) & (project_keys.c.label == name.label)


def _key_of(row: Any, projects: dict[KeyName, list[str]]) -> ProviderKey:
    name = KeyName(row["provider"], row["label"])
    return ProviderKey(
        name=name,
        added_at=row["added_at"],
        is_default=bool(row["is_default"]),
        projects=tuple(projects.get(name, ())),
        trial=Trial(row["trial"]),
        tested_at=row["tested_at"],
        last_used_at=row["last_used_at"],
    )
