"""How long a silent client waits before it gives up and sends again: a held call is answered before that.

Measured with each client against a server that says nothing (wire-formats notes, section 2.3). Ten seconds are kept
back, so that our refusal is there before the client's own time-out.
"""

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


def patience_s(user_agent: str) -> float:
    """Seconds that a call of this client may be held without a byte."""
    agent = user_agent.lower()
    limit = next((seconds for name, seconds in _SILENT_LIMITS_S if name in agent), LONGEST_WAIT_S + MARGIN_S)
    return limit - MARGIN_S
