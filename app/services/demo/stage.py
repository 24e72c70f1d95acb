"""The demo's stage: a throw-away home with its own ledger, the scripted provider, a real meter, and the agents.

Nothing of the person's is read or written: ledger, settings, logs and the meter's own files stand in a temporary
folder that is removed at the end, the keys are invented, and every port is a free one on loopback.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from app import paths
from app.core.money import NANO_PER_CENT, NANO_PER_USD
from app.core.tags import Scope, Tags
from app.core.windows import Window
from app.keys.issue import issue_key
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger, open_ledger
from app.log import set_up_logging
from app.services.demo.agents import SimulatedAgent, read_roles
from app.services.demo.provider import ScriptedProvider, read_script
from app.services.kept_meter import KeptMeter
from app.services.settings import Settings, save_settings, settings_zone

PROVIDERS = ("anthropic", "openai", "google")
CAPPED_PROJECT = "billing-api"
PROJECT_CAP_NANO_USD = 50 * NANO_PER_CENT
MONTH_CAP_NANO_USD = 100 * NANO_PER_USD


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast it is played: seconds between two chunks of an answer, and the stretch of the agents' pauses.

    `is_endless` plays until the curtain falls.
    """

    chunk_delay_s: float
    pause_factor: float
    is_endless: bool


BRISK = Pace(chunk_delay_s=0.02, pause_factor=1.0, is_endless=False)
LEISURELY = Pace(chunk_delay_s=0.05, pause_factor=4.0, is_endless=True)


@dataclass(frozen=True, slots=True)
class Stage:
    """All that plays a part. `keys` are the provider's own, as the meter holds them."""

    ledger: Ledger
    settings: Settings
    keys: dict[str, str]
    provider: ScriptedProvider
    meter: KeptMeter
    agents: tuple[SimulatedAgent, ...]


@contextmanager
def set_stage(pace: Pace) -> Iterator[Stage]:
    """Build the stage, start the agents, and clear everything away at the end. Raises MeterError, LedgerError."""
    with ExitStack() as stack:
        stack.enter_context(_home_of_its_own())
        set_up_logging(paths.log_folder() / "demo.log")
        ledger = open_ledger(paths.ledger_path())
        stack.callback(ledger.close)
        key = f"sk-demo-{secrets.token_hex(16)}"
        script = read_script(paths.resources_folder() / "demo" / "provider.json")
        provider = ScriptedProvider(script, key, delay_s=pace.chunk_delay_s)
        provider.start()
        stack.callback(provider.stop)
        settings = Settings(gateway_port=0, forward_port=0, upstreams=dict.fromkeys(PROVIDERS, provider.url))
        save_settings(paths.settings_path(), settings)
        keys = dict.fromkeys(PROVIDERS, key)
        _set_caps(ledger, settings)
        meter = KeptMeter(settings, ledger.path, keys)
        stack.callback(meter.stop)
        agents = _cast(ledger, meter.gateway_url, pace)
        for agent in agents:
            agent.start()
            stack.callback(agent.stop)
        yield Stage(ledger, settings, keys, provider, meter, agents)


@contextmanager
def _home_of_its_own() -> Iterator[None]:
    former = os.environ.get(paths.HOME_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="bursar-demo-", ignore_cleanup_errors=True) as folder:
        os.environ[paths.HOME_VARIABLE] = folder
        try:
            yield
        finally:
            if former is None:
                del os.environ[paths.HOME_VARIABLE]
            else:
                os.environ[paths.HOME_VARIABLE] = former


def _set_caps(ledger: Ledger, settings: Settings) -> None:
    time_zone = settings_zone(settings)
    add_cap(
        ledger,
        scope=Scope.PROJECT,
        scope_key=CAPPED_PROJECT,
        window=Window.DAY,
        limit_nano_usd=PROJECT_CAP_NANO_USD,
        time_zone=time_zone,
    )
    add_cap(
        ledger,
        scope=Scope.EVERYTHING,
        scope_key="",
        window=Window.MONTH,
        limit_nano_usd=MONTH_CAP_NANO_USD,
        time_zone=time_zone,
    )


def _cast(ledger: Ledger, gateway_url: str, pace: Pace) -> tuple[SimulatedAgent, ...]:
    """The agents, each with a virtual key of its own."""
    agents = []
    for role in read_roles(paths.resources_folder() / "demo" / "agents.json"):
        tags = Tags(project=role.project, agent=role.agent, user="demo", task=role.task)
        _, token = issue_key(ledger, name=role.agent, tags=tags)
        agents.append(SimulatedAgent(role, gateway_url, token, is_endless=pace.is_endless, pace=pace.pause_factor))
    return tuple(agents)
