"""Who is calling: the virtual key a request carries, and the labels it brings along.

A virtual key stands where a provider key would (`x-api-key`, `Authorization: Bearer`, `x-goog-api-key`, `api-key`,
`?key=`). A caller that brings a provider key or a login of its own, which is passed on as it is, tells its virtual key
in a header of ours, or in the user name of the proxy address, where every client measured passes it on. A request
without one is refused, whatever else it brings: nobody could say who pays, nor stop it.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from app.core.providers import provider_named
from app.core.sent_input import DIGEST_BYTES
from app.core.tags import Billing
from app.keys.virtual_keys import PREFIX
from proxy_addon.routes import Route

KEY_HEADER = "x-bursar-key"
TASK_HEADER = "x-bursar-task"
SESSION_HEADER = "x-bursar-session"
OWN_HEADER_PREFIX = "x-bursar-"

_CLAUDE_LOGIN = "sk-ant-oat"
"""How the tokens of a Claude login begin (wire-formats notes, section 3); API keys begin otherwise. ChatGPT's and
Google's logins go to hosts of their own, which tell as much."""
KEY_HEADERS = ("x-api-key", "authorization", "x-goog-api-key", "api-key")

_OPENCODE = ("x-parent-session-id", "x-session-id")
"""A sub-agent of opencode has a session of its own, and names the one it was started from: that is where it belongs."""
# Measured on the wire: Claude Code, Codex (two spellings over time), opencode; wire-formats notes, section 3.
_SESSION_HEADERS = (SESSION_HEADER, "x-claude-code-session-id", "session-id", "session_id", *_OPENCODE)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request says of itself. `token` is the virtual key, or empty. `holds_own_key`: it brings a provider key or
    a login of its own, which is passed on as it is; `has_claude_login`: nothing but logins of Claude."""

    token: str
    holds_own_key: bool
    has_claude_login: bool
    task: str
    session: str
    user_agent: str


def caller_of(headers: Mapping[str, str], query_key: str = "", proxy_user: str = "") -> Caller:
    """Read the caller from lower-case headers, the `key` of the query and the user name given to the forward proxy.

    Our own header goes before the places of a provider key, and those before the proxy address.
    """
    credentials = [found for name in KEY_HEADERS if name in headers and (found := _bare(headers[name]))]
    if query_key:
        credentials.append(query_key)
    tokens = [credential for credential in credentials if credential.startswith(PREFIX)]
    told = headers.get(KEY_HEADER, "").strip()
    return Caller(
        token=told or (tokens[0] if tokens else proxy_user),
        holds_own_key=bool(credentials) and not tokens,
        has_claude_login=bool(credentials) and all(one.startswith(_CLAUDE_LOGIN) for one in credentials),
        task=headers.get(TASK_HEADER, ""),
        session=next((headers[name] for name in _SESSION_HEADERS if headers.get(name)), ""),
        user_agent=headers.get("user-agent", ""),
    )


def proxy_user(proxy_authorization: str) -> str:
    """The user name of Basic proxy credentials; empty for anything else."""
    scheme, _, encoded = proxy_authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[0]
    except ValueError:  # of any kind: not base64, not ASCII, not UTF-8
        return ""


def billing_of(caller: Caller, route: Route) -> Billing:
    """Who is paid for a call. A Claude login counts as one at Anthropic alone: elsewhere such a text is no credential,
    and what does stand for one there could be an API key that we do not see."""
    if not caller.holds_own_key:
        return Billing.API
    is_claudes = caller.has_claude_login and route.provider == "anthropic"
    return Billing.SUBSCRIPTION if is_claudes else route.logins


def key_header(provider: str, key: str) -> tuple[str, str]:
    """The header in which a provider wants its key."""
    known = provider_named(provider)
    return ("authorization", f"Bearer {key}") if known is None else known.with_key(key)


def account_mark(header: tuple[str, str] | None) -> bytes:
    """A hash of the credentials that are put into a request; empty where it keeps its own, since a login is given
    another token every hour."""
    return b"" if header is None else hashlib.blake2b(header[1].encode(), digest_size=DIGEST_BYTES).digest()


def _bare(credential: str) -> str:
    scheme, _, token = credential.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else credential.strip()
