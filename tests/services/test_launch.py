import pytest

from app.services.launch import Connection, agent_command, agent_environment, agent_exports, bypasses, program_name

GATEWAY = "http://127.0.0.1:8787"
TOKEN = "bsr_token"
CONNECTION = Connection(GATEWAY, TOKEN)


def test_every_provider_is_reached_through_the_meter_with_the_virtual_key() -> None:
    environment = agent_environment(CONNECTION, {"PATH": "/bin"})
    assert environment["PATH"] == "/bin"
    assert environment["ANTHROPIC_BASE_URL"] == f"{GATEWAY}/anthropic"
    assert environment["OPENAI_BASE_URL"] == f"{GATEWAY}/openai/v1"
    assert environment["GOOGLE_GEMINI_BASE_URL"] == f"{GATEWAY}/gemini"
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        assert environment[name] == TOKEN


def test_no_provider_key_is_inherited() -> None:
    names = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
    for program in ("claude", "codex", "python"):
        environment = agent_environment(CONNECTION, dict.fromkeys(names, "sk-real"), program)
        assert "sk-real" not in environment.values()


def test_claude_code_gets_the_token_it_does_not_ask_about() -> None:
    environment = agent_environment(CONNECTION, {}, "/usr/local/bin/claude")
    assert environment["ANTHROPIC_AUTH_TOKEN"] == TOKEN
    assert "ANTHROPIC_API_KEY" not in environment


@pytest.mark.parametrize(
    ("inherited", "expected"),
    [
        ("", "127.0.0.1,localhost"),
        ("example.com, localhost", "example.com,localhost,127.0.0.1"),
        ("127.0.0.1,localhost", "127.0.0.1,localhost"),
    ],
)
def test_a_forward_proxy_of_the_persons_own_is_not_put_before_the_meter(inherited: str, expected: str) -> None:
    environment = agent_environment(CONNECTION, {"NO_PROXY": inherited, "no_proxy": inherited})
    assert environment["NO_PROXY"] == environment["no_proxy"] == expected


def test_labels_join_the_headers_a_person_has_set() -> None:
    labelled = Connection(GATEWAY, TOKEN, task="fix retry", session="s1")
    environment = agent_environment(labelled, {"ANTHROPIC_CUSTOM_HEADERS": "X-Mine: 1"})
    assert environment["ANTHROPIC_CUSTOM_HEADERS"] == "X-Mine: 1\nx-bursar-task: fix retry\nx-bursar-session: s1"
    assert environment["GEMINI_CLI_CUSTOM_HEADERS"] == "x-bursar-task: fix retry, x-bursar-session: s1"


@pytest.mark.parametrize("task", ["naïve", "a, b", "a\nX-Evil: 1", ""])
def test_a_label_that_a_header_cannot_carry_is_left_to_the_key(task: str) -> None:
    assert "ANTHROPIC_CUSTOM_HEADERS" not in agent_exports(Connection(GATEWAY, TOKEN, task=task))


def test_codex_is_given_its_base_url_as_an_option() -> None:
    option = f'openai_base_url="{GATEWAY}/openai/v1"'
    assert agent_command(["codex", "exec", "hi"], GATEWAY) == ["codex", "-c", option, "exec", "hi"]
    assert agent_command(["claude", "-p", "hi"], GATEWAY) == ["claude", "-p", "hi"]


@pytest.mark.parametrize(("command", "name"), [("/opt/x/aider", "aider"), ("codex.exe", "codex"), ("a.b", "a.b")])
def test_a_program_is_named_without_its_folder(command: str, name: str) -> None:
    assert program_name(command) == name


def test_settings_that_lead_around_the_meter_are_named() -> None:
    assert bypasses({"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_USE_VERTEX": "0"}) == ["CLAUDE_CODE_USE_BEDROCK"]
