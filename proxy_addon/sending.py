"""A request that was cleared, as it goes to its provider: where to, with which path, fields, body and key."""

from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from app.ledger.key_store import KeyHolder
from proxy_addon.exchange import Exchange
from proxy_addon.header_fields import Fields, bytes_of, with_field, without
from proxy_addon.identify import KEY_HEADERS, OWN_HEADER_PREFIX
from proxy_addon.masking import KeyMask, SentKeys
from proxy_addon.meter import Cleared
from proxy_addon.routes import Route

_KEY_NAMES = frozenset(name.encode() for name in KEY_HEADERS)
_OWN_PREFIX = OWN_HEADER_PREFIX.encode()


@dataclass(frozen=True, slots=True, eq=False)
class Sending:
    """What goes on the wire. `target` is the path with its query; `mask` masks the key that was put in, where one was;
    `exchange` is the call's money, where it is metered."""

    route: Route
    target: str
    fields: Fields = field(repr=False)
    body: bytes = field(repr=False)
    holder: KeyHolder
    exchange: Exchange | None
    mask: KeyMask | None


def sending_of(route: Route, query: str, fields: Fields, body: bytes, cleared: Cleared, keys: SentKeys) -> Sending:
    """The request for the provider; the real key is the last thing put into it. `query` is as it came, undecoded."""
    fields = _upstream_fields(route, fields)
    if cleared.body is not None:
        body, fields = cleared.body, _for_own_body(fields, cleared.body)
    mask = None
    if cleared.key_header is not None:
        name, value = cleared.key_header
        mask, query = keys.mask_of(value.removeprefix("Bearer ")), _without_key(query)
        fields = with_field(without(fields, _KEY_NAMES), name.encode(), bytes_of(value))
    target = route.upstream.base_path + route.path + (f"?{query}" if query else "")
    return Sending(route, target, fields, body, cleared.holder, cleared.exchange, mask)


def _upstream_fields(route: Route, fields: Fields) -> Fields:
    """What the provider is told, without what was said to us alone."""
    upstream = route.upstream
    is_usual = (upstream.scheme, upstream.port) in (("https", 443), ("http", 80))
    host = upstream.host if is_usual else f"{upstream.host}:{upstream.port}"
    kept = []
    for one in fields:
        name = one[0].lower()
        if not name.startswith(_OWN_PREFIX) and name != b"proxy-authorization":
            kept.append(one)
    return with_field(tuple(kept), b"host", host.encode())


def _for_own_body(fields: Fields, body: bytes) -> Fields:
    """The fields of another body. Its answer is asked for without compression: a part of it is taken out again."""
    fields = without(fields, (b"content-encoding", b"transfer-encoding"))
    fields = with_field(fields, b"content-length", b"%d" % len(body))
    return with_field(fields, b"accept-encoding", b"identity")


def _without_key(query: str) -> str:
    """The query but for a key in it; the rest stays as it was written."""
    return "&".join(part for part in query.split("&") if unquote_plus(part.partition("=")[0]) != "key")
