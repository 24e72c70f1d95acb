"""What the first run knows: the agents that were picked, how each is started, and what the first call was."""

import shlex
from dataclasses import dataclass
from datetime import datetime

from app.core.call import Call, Outcome
from app.core.money import format_call_usd
from app.core.tags import Billing
from app.desktop.models.columns import call_state
from app.desktop.models.snapshot import Snapshot
from app.services.agents.recipe import Connection, Recipe
from app.services.doctor.agents import InstalledAgent


@dataclass(frozen=True, slots=True)
class PickedAgent:
    """An agent to be metered. `program` is what starts it; `recipe` is None for a command that was typed."""

    title: str
    program: str
    recipe: Recipe | None = None
    is_connected: bool = False

    @property
    def keeps_login(self) -> bool:
        """Whether it can keep a login of its own and be metered."""
        return self.recipe is not None and bool(self.recipe.own_login)


def is_new(snapshot: Snapshot) -> bool:
    """Whether nobody has begun to use this ledger yet."""
    return snapshot.is_empty and not (snapshot.caps or snapshot.keys or snapshot.provider_keys)


def picked(agent: InstalledAgent) -> PickedAgent:
    """An agent that was found here."""
    return PickedAgent(agent.recipe.title, agent.program, agent.recipe)


def start_line(agent: PickedAgent, bursar: str) -> str:
    """What is typed to start it through the meter: `bursar run -- claude`."""
    return agent.program if agent.is_connected else f"{bursar} run -- {agent.program}"


def own_login_line(agent: PickedAgent, gateway_url: str, token: str) -> str:
    """What is typed to start it with its own login, metered by a virtual key that comes along."""
    connection = Connection(gateway_url, token)
    own = {} if agent.recipe is None else agent.recipe.own_login
    variables = [f"{name}={shlex.quote(connection.fill(template))}" for name, template in own.items()]
    return " ".join([*variables, agent.program])


def login_words(agents: list[PickedAgent]) -> str:
    """Which of the picked agents can keep their own login."""
    able = [agent.title for agent in agents if agent.keeps_login]
    if not agents:
        return "No agent was picked."
    if not able:
        return "None of the agents you picked can. They need a key here."
    others = [agent.title for agent in agents if not agent.keeps_login]
    rest = f" {_listed(others)} {'needs' if len(others) == 1 else 'need'} a key here." if others else ""
    return f"{_listed(able)} can: metered, and Bursar holds no key.{rest}"


def first_call(snapshot: Snapshot, since: datetime) -> Call | None:
    """The first call that ended since then; None while there is none."""
    return next((call for call in reversed(snapshot.calls) if call.started_at >= since), None)


def first_call_words(call: Call) -> str:
    """`First call seen: claude-haiku-4-5, $0.0042.`"""
    if call.outcome is Outcome.COMPLETED:
        cost = "no price known" if call.cost_nano_usd is None else format_call_usd(call.cost_nano_usd)
        paid = ", paid by your subscription" if call.billing is Billing.SUBSCRIPTION else ""
        return f"First call seen: {call.model}, {cost}{paid}."
    return f"A call came and did not go well: {call.model}, {call_state(call).lower()}."


def went_well(call: Call) -> bool:
    """Whether the provider answered it."""
    return call.outcome is Outcome.COMPLETED


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
