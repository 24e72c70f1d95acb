"""Which MCP server a tool belongs to, where its name tells for certain.

`mcp__SERVER__TOOL` is how Claude Code and Codex name them (measured; Codex's source), and so telling that others
follow it. Older Codex leaves the beginning out, as Gemini CLI does for tools whose names would clash (its source);
newer Gemini CLI writes `mcp_SERVER_TOOL` and allows no underscore in a server's name (its MCP documentation). A long
name that Gemini CLI has shortened in the middle tells nothing, nor does opencode's `SERVER_TOOL`, which a tool of its
own may look like.
"""

_PREFIX, _BETWEEN, _SHORTENED = "mcp__", "__", "___"
_CODEX, _GEMINI_CLI = "codex", "geminicli"


def server_of(name: str, user_agent: str) -> str:
    """The server that the name of a tool tells, empty where it tells none."""
    agent = user_agent.lower()
    if _SHORTENED in name:
        return ""
    if name.startswith(_PREFIX):
        return _first(name.removeprefix(_PREFIX), _BETWEEN)
    if agent.startswith(_GEMINI_CLI) and name.startswith("mcp_"):
        return _first(name.removeprefix("mcp_"), "_")
    if agent.startswith((_CODEX, _GEMINI_CLI)):
        return _first(name, _BETWEEN)
    return ""


def _first(name: str, between: str) -> str:
    server, _, tool = name.partition(between)
    return server if tool else ""
