"""What calls came to that agree in every label spend is looked at by."""

from dataclasses import dataclass

from app.core.tags import Scope

GROUPED_BY = (Scope.AGENT, Scope.PROJECT, Scope.TEAM, Scope.USER, Scope.MODEL)
"""What spend can be looked at by without reading it again."""


@dataclass(frozen=True, slots=True)
class SpendGroup:
    """Sums of the calls of one group that the API was paid for. `model` is the one that answered.

    `cost_nano_usd` adds the known costs, `unpriced_calls` have none. Token counts mean what `Usage` says, the unknown
    taken as nothing.
    """

    agent: str
    project: str
    team: str
    user: str
    provider: str
    model: str
    cost_nano_usd: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    web_searches: int = 0

    def label(self, by: Scope) -> str:
        """Its label in one of `GROUPED_BY`; empty where none was told."""
        return str(getattr(self, by.value))
