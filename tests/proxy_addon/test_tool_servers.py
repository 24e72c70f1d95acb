import pytest

from proxy_addon.tool_servers import server_of

CLAUDE, CODEX, GEMINI, OPENCODE = "claude-cli/2.1", "codex_exec/0.169.0", "GeminiCLI/0.61.0/pro", "opencode/1.18.33"


@pytest.mark.parametrize(
    ("name", "agent", "server"),
    [
        ("mcp__github__create_issue", CLAUDE, "github"),
        ("mcp__my_server__do__it", "", "my_server"),
        ("mcp__github", CLAUDE, ""),
        ("github__create_issue", CODEX, "github"),
        ("github__create_issue", CLAUDE, ""),
        ("mcp_github_create_issue", GEMINI, "github"),
        ("mcp_github_create_issue", CLAUDE, ""),
        ("github__create_issue", GEMINI, "github"),
        ("a_long_name_of_a_tool_that___is_cut_in_the_middle", GEMINI, ""),
        ("github_create_issue", OPENCODE, ""),
        ("__init__", CODEX, ""),
        ("Bash", CLAUDE, ""),
        ("", CODEX, ""),
    ],
)
def test_a_server_is_named_where_the_tools_name_tells_it(name: str, agent: str, server: str) -> None:
    assert server_of(name, agent) == server
