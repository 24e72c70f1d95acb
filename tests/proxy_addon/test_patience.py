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
    assert client_gives_up_s - 15 <= patience_s({"user-agent": user_agent}) < client_gives_up_s


@pytest.mark.parametrize("header", ["x-stainless-timeout", "x-stainless-read-timeout", "x-server-timeout"])
def test_sdk_that_was_set_to_less_is_answered_within_that(header: str) -> None:
    assert patience_s({"user-agent": "OpenAI/Python 3", header: "60"}) == 50
    assert patience_s({"user-agent": "OpenAI/Python 3", header: "1"}) == 0.8


@pytest.mark.parametrize("told", ["", "None", "nan", "inf", "-5", "0", "NOT_GIVEN", "100000"])
def test_nonsense_and_longer_times_change_nothing(told: str) -> None:
    headers = {"user-agent": "Anthropic/JS 1", "x-stainless-timeout": told}
    assert patience_s(headers) == patience_s({"user-agent": "Anthropic/JS 1"})
