"""How long a silent client waits before it gives up and sends again: a held call is answered before that.

Measured with each client against a server that says nothing (wire-formats notes, section 2.3); SDKs tell in a header
what they were set to. Some time is kept back, so that our refusal is there before the client's own time-out.

A wait stays silent. mitmproxy sends no byte of an answer before the `request` hook, in which a call waits, has ended:
a response that an add-on sets there is sent whole afterwards, and its `stream` is not looked at. A keep-alive could
only go past mitmproxy, onto the client's socket, and not at all through TLS. So a call that has waited as long as its
client bears is answered with a refusal that every client tries again, and its question stays open (`resent`).
"""

from collections.abc import Mapping

MARGIN_S = 10.0
LONGEST_WAIT_S = 590.0
"""Of the SDKs for Python, and of any client not known here: they ask for ten minutes."""

_SILENT_LIMITS_S = (
    ("geminicli", 60.0),
    ("claude-cli", 300.0),
    ("codex", 300.0),
    ("opencode", 300.0),
    ("anthropic/js", 300.0),
    ("openai/js", 300.0),
    ("ai-sdk", 300.0),
    ("google-genai-sdk/js", 300.0),
    ("google-genai-sdk/node", 300.0),
)
_TOLD = ("x-stainless-read-timeout", "x-stainless-timeout", "x-server-timeout")
"""Seconds, as the SDKs of OpenAI and Anthropic and of Google send them along."""


def patience_s(headers: Mapping[str, str]) -> float:
    """Seconds that a call may be held without a byte, by its lower-case headers; at least a little."""
    agent = headers.get("user-agent", "").lower()
    limit = next((seconds for name, seconds in _SILENT_LIMITS_S if name in agent), LONGEST_WAIT_S + MARGIN_S)
    for name in _TOLD:
        if name in headers and (seconds := _seconds(headers[name])) is not None:
            limit = min(limit, seconds)
    return limit - min(MARGIN_S, limit / 5)


def _seconds(text: str) -> float | None:
    """What a header tells; None for nonsense and for none."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None
