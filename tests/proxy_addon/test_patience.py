import pytest

from proxy_addon.patience import patience_s


@pytest.mark.parametrize(
    ("user_agent", "client_gives_up_s"),
    [
        ("GeminiCLI-tui/0.61.0/gemini-3-pro", 60),
        ("claude-cli/2.1.330 (external, cli)", 300),
        ("codex_exec/0.169.0", 300),
        ("opencode/1.18.33 ai-sdk/x", 300),
        ("Anthropic/JS 1.12.0", 300),
        ("OpenAI/Python 3.54.0", 600),
        ("", 600),
    ],
)
def test_call_is_answered_before_its_client_gives_up(user_agent: str, client_gives_up_s: int) -> None:
    assert client_gives_up_s - 15 <= patience_s(user_agent) < client_gives_up_s
