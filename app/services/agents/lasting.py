"""Connecting an agent for good and taking it back, with the virtual key that its settings hold then."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from app.core.errors import InvalidInput
from app.core.tags import Tags
from app.keys.issue import issue_key
from app.ledger.engine import Ledger
from app.ledger.key_store import revoke_key
from app.services.agents.connecting import Plan, is_connected, make_connection, plan_connection, undo_connection
from app.services.agents.recipe import Connection

_SHOWN_TOKEN = "bsr_(a new key)"


def preview_connection(folder: Path, agent: str, gateway_port: int, environment: Mapping[str, str]) -> Plan:
    """What connecting would change, with words in the place of the key. Raises InvalidInput."""
    if is_connected(folder, agent):
        raise InvalidInput("This agent is connected already", f"First: bursar disconnect {agent}")
    return plan_connection(agent, _connection(gateway_port, _SHOWN_TOKEN), environment)


def connect_agent(
    ledger: Ledger, folder: Path, agent: str, tags: Tags, gateway_port: int, environment: Mapping[str, str]
) -> Path:
    """Issue a key and put it with the meter's address into the agent's own settings. Gives the file that was changed.
    Raises InvalidInput, and then the key is revoked."""
    key, token = issue_key(ledger, name=f"connect {agent}", tags=tags)
    try:
        plan = plan_connection(agent, _connection(gateway_port, token), environment)
        make_connection(folder, plan, key.key_id)
    except BaseException:
        revoke_key(ledger, key.key_id)
        raise
    return plan.file


def disconnect_agent(ledger: Ledger, folder: Path, agent: str) -> Path:
    """Take back what connecting has changed, to the byte, and revoke the key. Gives the file. Raises InvalidInput."""
    file, key_id = undo_connection(folder, agent)
    with suppress(InvalidInput):  # a person may have revoked it before
        revoke_key(ledger, key_id)
    return file


def _connection(gateway_port: int, token: str) -> Connection:
    if not gateway_port:
        raise InvalidInput(
            "The meter has no fixed port", "Set “gateway_port” in Bursar’s settings, so that the agent finds it again."
        )
    return Connection(f"http://127.0.0.1:{gateway_port}", token)
