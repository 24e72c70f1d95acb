"""The fact of one call that reached, or was kept from, a provider."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.money import MAX_CALL_NANO_USD
from app.core.origin import MAIN_ORIGIN, Origin
from app.core.tags import Billing, Tags, clean_name
from app.core.usage import Usage


class ApiShape(StrEnum):
    """The dialect a call is spoken in: which file of `proxy_addon/shapes` reads it."""

    ANTHROPIC_MESSAGES = "anthropic.messages"
    ANTHROPIC_COMPLETE = "anthropic.complete"
    OPENAI_CHAT = "openai.chat"
    OPENAI_COMPLETIONS = "openai.completions"
    OPENAI_RESPONSES = "openai.responses"
    OPENAI_EMBEDDINGS = "openai.embeddings"
    OPENAI_MEDIA = "openai.media"
    OPENAI_ASSISTANTS = "openai.assistants"
    OPENAI_REALTIME = "openai.realtime"
    GEMINI = "gemini.generate_content"
    GEMINI_EMBEDDINGS = "gemini.embeddings"
    GEMINI_INTERACTIONS = "gemini.interactions"
    GEMINI_LIVE = "gemini.live"
    BEDROCK_CONVERSE = "bedrock.converse"
    BEDROCK_INVOKE = "bedrock.invoke"
    COHERE = "cohere"
    OLLAMA = "ollama"
    UNMETERED = "unmetered"


class Basis(StrEnum):
    """Where an amount comes from: the provider's own figure, a price table, an estimate, or nowhere."""

    REPORTED = "reported"
    TABLE = "table"
    ESTIMATED = "estimated"
    UNPRICED = "unpriced"


class Outcome(StrEnum):
    """How a call ended. Only `refused` calls were never sent."""

    COMPLETED = "completed"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it stands in the ledger.

    `call_id` is minted here, never taken from a client; it sorts by time. `started_at` is UTC. `cost_nano_usd` is None
    exactly when `cost_basis` is unpriced, else 0 to a million dollars. `price_version` names the price data the cost
    was computed with. Names that come from the wire are cleaned here, so that every call can be stored and shown.
    """

    call_id: str
    started_at: datetime
    provider: str
    api_shape: ApiShape
    operation: str
    request_model: str
    tags: Tags
    outcome: Outcome
    usage: Usage
    cost_nano_usd: int | None
    cost_basis: Basis
    price_version: str = ""
    response_model: str = ""
    response_id: str = ""
    is_stream: bool = False
    status_code: int | None = None
    error_type: str = ""
    duration_ms: int | None = None
    time_to_first_chunk_ms: int | None = None
    billing: Billing = Billing.API
    origin: Origin = MAIN_ORIGIN

    def __post_init__(self) -> None:
        if (self.cost_nano_usd is None) != (self.cost_basis is Basis.UNPRICED):
            raise ValueError("a call without a cost is unpriced, and only such a call is")
        if self.cost_nano_usd is not None:
            if self.cost_nano_usd < 0:
                raise ValueError("a call cannot earn money")
            object.__setattr__(self, "cost_nano_usd", min(self.cost_nano_usd, MAX_CALL_NANO_USD))
        for name in ("request_model", "response_model", "response_id", "error_type"):
            object.__setattr__(self, name, clean_name(getattr(self, name)))

    @property
    def model(self) -> str:
        """The model that answered, or the one asked for when no answer named one."""
        return self.response_model or self.request_model
