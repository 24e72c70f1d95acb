"""Between core values and rows: the few mappings that more than one store needs."""

from dataclasses import fields
from typing import Any

from app.core.call import ApiShape, Basis, Call, Outcome
from app.core.origin import Origin, RequestClass
from app.core.reservations import Draft
from app.core.tags import Billing, Tags
from app.core.usage import Usage

_USAGE_FIELDS = tuple(field.name for field in fields(Usage))


def payer_columns(tags: Tags) -> dict[str, str]:
    """The columns that say who pays."""
    return {
        "project": tags.project,
        "agent": tags.agent,
        "user_name": tags.user,
        "team": tags.team,
        "task": tags.task,
        "session": tags.session,
        "virtual_key_id": tags.virtual_key_id,
    }


def tags_of(row: Any) -> Tags:
    """Who pays, read back."""
    return Tags(
        project=row["project"],
        agent=row["agent"],
        user=row["user_name"],
        team=row["team"],
        task=row["task"],
        session=row["session"],
        virtual_key_id=row["virtual_key_id"],
    )


def draft_columns(draft: Draft) -> dict[str, Any]:
    """The columns of a call about to be sent, but for when it is held and by whom."""
    return {
        "call_id": draft.call_id,
        "provider": draft.provider,
        "api_shape": draft.api_shape,
        "operation": draft.operation,
        "request_model": draft.request_model,
        "is_stream": draft.is_stream,
        "billing": draft.billing,
        "worst_nano_usd": draft.worst_nano_usd,
        "held_nano_usd": draft.hold,
        **payer_columns(draft.tags),
        **origin_columns(draft.origin),
    }


def origin_columns(origin: Origin) -> dict[str, str]:
    """The columns that say which part of an agent asked."""
    return {
        "request_class": origin.request_class,
        "agent_id": origin.agent_id,
        "parent_agent_id": origin.parent_id,
        "agent_kind": origin.kind,
    }


def origin_of(row: Any) -> Origin:
    """Which part of an agent asked, read back."""
    return Origin(RequestClass(row["request_class"]), row["agent_id"], row["parent_agent_id"], row["agent_kind"])


def call_columns(call: Call, charged_nano_usd: int) -> dict[str, Any]:
    """A call as a row. `charged_nano_usd` is what its caps carry for it."""
    return {
        "call_id": call.call_id,
        "started_at": call.started_at,
        "provider": call.provider,
        "api_shape": call.api_shape,
        "operation": call.operation,
        "request_model": call.request_model,
        "response_model": call.response_model,
        "response_id": call.response_id,
        "is_stream": call.is_stream,
        "outcome": call.outcome,
        "status_code": call.status_code,
        "error_type": call.error_type,
        "duration_ms": call.duration_ms,
        "time_to_first_chunk_ms": call.time_to_first_chunk_ms,
        "cost_nano_usd": call.cost_nano_usd,
        "charged_nano_usd": charged_nano_usd,
        "cost_basis": call.cost_basis,
        "price_version": call.price_version,
        "billing": call.billing,
        **{name: getattr(call.usage, name) for name in _USAGE_FIELDS},
        **payer_columns(call.tags),
        **origin_columns(call.origin),
    }


def call_of(row: Any) -> Call:
    """A call, read back."""
    return Call(
        call_id=row["call_id"],
        started_at=row["started_at"],
        provider=row["provider"],
        api_shape=ApiShape(row["api_shape"]),
        operation=row["operation"],
        request_model=row["request_model"],
        tags=tags_of(row),
        outcome=Outcome(row["outcome"]),
        usage=Usage(**{name: row[name] for name in _USAGE_FIELDS}),
        cost_nano_usd=row["cost_nano_usd"],
        cost_basis=Basis(row["cost_basis"]),
        price_version=row["price_version"],
        response_model=row["response_model"],
        response_id=row["response_id"],
        is_stream=row["is_stream"],
        status_code=row["status_code"],
        error_type=row["error_type"],
        duration_ms=row["duration_ms"],
        time_to_first_chunk_ms=row["time_to_first_chunk_ms"],
        billing=Billing(row["billing"]),
        origin=origin_of(row),
    )
