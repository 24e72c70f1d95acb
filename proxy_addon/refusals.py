"""Saying no in each provider's own words, so that the person sees our sentence and the client does not try again.

There is no status that stops every client (measured over 20 of them, wire-formats notes, section 2.1), so it is chosen
by dialect and user agent. `x-should-retry: false` is obeyed by the Anthropic and OpenAI SDKs; `retry-after` is never
sent with a final refusal, since clients take it as an invitation. A refusal that may pass by itself is a 503, which
every client measured tries again; a call that waits for a person goes on waiting that way.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from app.core.call import ApiShape
from app.core.money import format_exact_usd


class Reason(StrEnum):
    """Why a request is not sent. All are final but `later` and `unavailable`, which may pass by themselves."""

    CAP = "cap"
    LATER = "later"
    KEY = "key"
    NOT_ALLOWED = "not_allowed"
    UNREADABLE = "unreadable"
    UNKNOWN_PATH = "unknown_path"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"


class Cause(StrEnum):
    """What stands in the way of a call at the gate, as programs are told it (`x-bursar-refusal`)."""

    EXHAUSTED = "exhausted"
    CONTENDED = "contended"
    UNPRICED = "unpriced"
    PAUSED = "paused"
    STOPPED = "stopped"
    CUT = "cut"
    LOOP = "loop"
    REFUSED = "refused"
    UNANSWERED = "unanswered"
    NOT_ALLOWED = "not_allowed"
    TEAM_AWAY = "team_away"

    @property
    def reason(self) -> Reason:
        """Whether to try again."""
        if self is Cause.NOT_ALLOWED:
            return Reason.NOT_ALLOWED
        if self is Cause.TEAM_AWAY:
            return Reason.UNAVAILABLE
        is_passing = self in (Cause.CONTENDED, Cause.PAUSED, Cause.UNANSWERED)
        return Reason.LATER if is_passing else Reason.CAP


CAUSE_HEADER = "x-bursar-refusal"
NEEDED_HEADER = "x-bursar-needed-usd"
REMAINING_HEADER = "x-bursar-remaining-usd"
PASSING = (Reason.LATER, Reason.UNAVAILABLE)
"""What clients are to try again."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer of our own."""

    status: int
    headers: dict[str, str]
    body: bytes


_RETRY_AFTER_S = {Reason.UNAVAILABLE: 5, Reason.LATER: 1}
"""`later` follows on a long wait, and the next one is as long: there is no reason to lose more time in between."""
_ANTHROPIC_TYPES = {
    Reason.CAP: "billing_error",
    Reason.LATER: "overloaded_error",
    Reason.KEY: "authentication_error",
    Reason.NOT_ALLOWED: "permission_error",
    Reason.UNREADABLE: "invalid_request_error",
    Reason.UNKNOWN_PATH: "not_found_error",
    Reason.TOO_LARGE: "request_too_large",
    Reason.UNAVAILABLE: "api_error",
}
_GOOGLE_STATUSES = {
    Reason.CAP: "RESOURCE_EXHAUSTED",
    Reason.LATER: "UNAVAILABLE",
    Reason.KEY: "UNAUTHENTICATED",
    Reason.NOT_ALLOWED: "PERMISSION_DENIED",
    Reason.UNREADABLE: "INVALID_ARGUMENT",
    Reason.UNKNOWN_PATH: "NOT_FOUND",
    Reason.TOO_LARGE: "INVALID_ARGUMENT",
    Reason.UNAVAILABLE: "UNAVAILABLE",
}
_AWS_TYPES = {
    Reason.KEY: "AccessDeniedException",
    Reason.NOT_ALLOWED: "AccessDeniedException",
    Reason.UNKNOWN_PATH: "ResourceNotFoundException",
    Reason.LATER: "ServiceUnavailableException",
    Reason.UNAVAILABLE: "ServiceUnavailableException",
}
_ANTHROPIC = frozenset({ApiShape.ANTHROPIC_MESSAGES, ApiShape.ANTHROPIC_COMPLETE})
_GOOGLE = frozenset({ApiShape.GEMINI, ApiShape.GEMINI_EMBEDDINGS, ApiShape.GEMINI_INTERACTIONS, ApiShape.GEMINI_LIVE})
_AWS = frozenset({ApiShape.BEDROCK_CONVERSE, ApiShape.BEDROCK_INVOKE})
_STATUSES = {
    Reason.CAP: 400,
    Reason.LATER: 503,
    Reason.KEY: 401,
    Reason.NOT_ALLOWED: 400,  # aider tries a 403 nine times
    Reason.UNREADABLE: 400,
    Reason.UNKNOWN_PATH: 404,
    Reason.TOO_LARGE: 413,
    Reason.UNAVAILABLE: 503,
}


def refusal(shape: ApiShape, user_agent: str, reason: Reason, message: str) -> Refusal:
    """The answer to a client that speaks `shape`. `message` is a whole sentence for a person, without secrets."""
    status = _status(shape, user_agent, reason)
    headers = {"content-type": "application/json"}
    headers["x-should-retry"] = "true" if reason in PASSING else "false"
    if reason in PASSING:
        headers["retry-after"] = str(_RETRY_AFTER_S[reason])
    if shape in _AWS:
        headers["x-amzn-errortype"] = _AWS_TYPES.get(reason, "ValidationException")  # where AWS's SDKs look for it
    return Refusal(status, headers, msgspec.json.encode(_body(shape, status, reason, message)))


def too_large(shape: ApiShape, user_agent: str, limit_bytes: int) -> Refusal:
    """The answer to a request whose body is not read to its end."""
    message = f"The request is larger than {limit_bytes // 1024**2} MB, which is all that Bursar reads."
    return refusal(shape, user_agent, Reason.TOO_LARGE, message)


def cause_headers(cause: Cause, needed_nano_usd: int | None, remaining_nano_usd: int | None) -> dict[str, str]:
    """The same refusal for programs: its cause, what the call can cost at most, what its tightest cap has left."""
    headers = {CAUSE_HEADER: cause.value}
    if needed_nano_usd is not None:
        headers[NEEDED_HEADER] = format_exact_usd(needed_nano_usd)
    if remaining_nano_usd is not None:
        headers[REMAINING_HEADER] = format_exact_usd(remaining_nano_usd)
    return headers


def unreachable_body(message: str, status: int = 502) -> bytes:
    """The body of an error where the dialect is not at hand: each SDK finds the fields that it looks for."""
    error = {"type": "api_error", "message": message, "code": status, "status": "UNAVAILABLE", "param": None}
    return msgspec.json.encode({"type": "error", "error": error})


def _status(shape: ApiShape, user_agent: str, reason: Reason) -> int:
    agent = user_agent.lower()
    if agent.startswith("claude-cli/"):
        # 400 makes it try five degraded variants, 401 ten retries; 402 and 403 end it at once, and before the words of
        # a 403 it says that it failed to authenticate.
        return {Reason.CAP: 402, Reason.NOT_ALLOWED: 402, Reason.KEY: 403}.get(reason, _STATUSES[reason])
    if shape in _GOOGLE and reason in (Reason.CAP, Reason.NOT_ALLOWED):
        return 402 if reason is Reason.CAP else 403
    if agent.startswith("codex") and reason not in PASSING:
        return 400  # anything else is tried six times
    return _STATUSES[reason]


def _body(shape: ApiShape, status: int, reason: Reason, message: str) -> dict[str, object]:
    if shape in _ANTHROPIC:
        # aider takes a billing_error with status 400 for one worth trying again
        kind = "invalid_request_error" if status == 400 else _ANTHROPIC_TYPES[reason]
        return {"type": "error", "error": {"type": kind, "message": message}}
    if shape in _GOOGLE:
        return {"error": {"code": status, "message": message, "status": _GOOGLE_STATUSES[reason]}}
    if shape in _AWS or shape is ApiShape.COHERE:
        return {"message": message}
    if shape is ApiShape.OLLAMA:
        return {"error": message}
    kind, code = _openai_words(shape, reason)
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _openai_words(shape: ApiShape, reason: Reason) -> tuple[str, str]:
    if shape is ApiShape.OPENAI_RESPONSES and reason not in PASSING:
        return "invalid_request_error", "invalid_prompt"  # the only code with which Codex prints the message alone
    return {
        Reason.CAP: ("insufficient_quota", "insufficient_quota"),
        Reason.KEY: ("invalid_request_error", "invalid_api_key"),
        Reason.NOT_ALLOWED: ("invalid_request_error", "permission_denied"),
        Reason.UNKNOWN_PATH: ("invalid_request_error", "unknown_url"),
        Reason.LATER: ("server_error", "server_error"),
        Reason.UNAVAILABLE: ("server_error", "server_error"),
    }.get(reason, ("invalid_request_error", "invalid_request"))
