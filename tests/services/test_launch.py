import json

import pytest

from app.services.agents.recipe import Connection, Recipe, program_name
from app.services.agents.recipes import ANY_PROGRAM, CLAUDE_CODE, COPILOT_CLI, GOOSE, OPENCODE, RECIPES, recipe_for
from app.services.launch import agent_changes, agent_command, agent_environment, bypasses

GATEWAY = "http://127.0.0.1:8787"
TOKEN = "bsr_token"
CONNECTION = Connection(GATEWAY, TOKEN)
KEYS = (
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "CODEX_API_KEY", "GEMINI_API_KEY"),
    *("GOOGLE_API_KEY", "COPILOT_PROVIDER_API_KEY", "COPILOT_PROVIDER_BEARER_TOKEN"),
)


def test_every_provider_is_reached_through_the_meter_with_the_virtual_key() -> None:
    environment = agent_environment(CONNECTION, {"PATH": "/bin"})
    assert environment["PATH"] == "/bin"
    assert environment["ANTHROPIC_BASE_URL"] == f"{GATEWAY}/anthropic"
    assert environment["OPENAI_BASE_URL"] == f"{GATEWAY}/openai/v1"
    assert environment["GOOGLE_GEMINI_BASE_URL"] == f"{GATEWAY}/gemini"
    assert environment["GEMINI_API_BASE"] == f"{GATEWAY}/gemini/v1beta"
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        assert environment[name] == TOKEN


@pytest.mark.parametrize("recipe", [ANY_PROGRAM, *RECIPES], ids=lambda recipe: recipe.name or "any")
def test_no_agent_inherits_a_key_that_it_reads(recipe: Recipe) -> None:
    read = {*KEYS[:-2], *recipe.variables, *recipe.removed}
    inherited = {name: "sk-real" for name in KEYS if name in read}
    assert "sk-real" not in agent_environment(CONNECTION, inherited, recipe).values()


@pytest.mark.parametrize("recipe", [ANY_PROGRAM, *RECIPES], ids=lambda recipe: recipe.name or "any")
def test_no_address_of_any_agent_leads_elsewhere(recipe: Recipe) -> None:
    variables = agent_changes(CONNECTION, {}, recipe).variables
    addresses = {name: value for name, value in variables.items() if "://" in value and not value.startswith("{")}
    assert len(addresses) > 3
    assert [name for name, value in addresses.items() if not value.startswith(f"{GATEWAY}/")] == []


def test_claude_code_gets_the_token_it_does_not_ask_about() -> None:
    environment = agent_environment(CONNECTION, {}, CLAUDE_CODE)
    assert environment["ANTHROPIC_AUTH_TOKEN"] == TOKEN
    assert "ANTHROPIC_API_KEY" not in environment


def test_opencode_keeps_a_persons_settings_beside_the_addresses() -> None:
    theirs = {"theme": "dark", "provider": {"openai": {"options": {"timeout": 5, "baseURL": "http://elsewhere"}}}}
    inherited = {"OPENCODE_CONFIG_CONTENT": json.dumps(theirs)}
    told = json.loads(agent_environment(CONNECTION, inherited, OPENCODE)["OPENCODE_CONFIG_CONTENT"])
    assert told["theme"] == "dark"
    assert told["provider"]["openai"]["options"] == {
        "timeout": 5, "baseURL": f"{GATEWAY}/openai/v1", "apiKey": TOKEN,
    }  # fmt: skip
    assert told["provider"]["anthropic"]["options"]["baseURL"] == f"{GATEWAY}/anthropic/v1"


@pytest.mark.parametrize("broken", ["", "{", "[]", "7"])
def test_settings_of_opencode_that_are_none_are_replaced(broken: str) -> None:
    told = agent_environment(CONNECTION, {"OPENCODE_CONFIG_CONTENT": broken}, OPENCODE)["OPENCODE_CONFIG_CONTENT"]
    assert list(json.loads(told)) == ["provider"]


def test_copilot_speaks_the_dialect_it_was_set_to() -> None:
    assert agent_environment(CONNECTION, {}, COPILOT_CLI)["COPILOT_PROVIDER_BASE_URL"] == f"{GATEWAY}/openai/v1"
    chosen = {"COPILOT_PROVIDER_TYPE": "anthropic"}
    assert agent_environment(CONNECTION, chosen, COPILOT_CLI)["COPILOT_PROVIDER_BASE_URL"] == f"{GATEWAY}/anthropic"


def test_goose_joins_its_paths_to_hosts_that_end_in_a_slash() -> None:
    environment = agent_environment(CONNECTION, {"OPENAI_BASE_PATH": "v2/x"}, GOOSE)
    assert environment["OPENAI_HOST"] == f"{GATEWAY}/openai/"
    assert "OPENAI_BASE_PATH" not in environment


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


def test_codex_is_given_its_base_url_as_an_option() -> None:
    option = f'openai_base_url="{GATEWAY}/openai/v1"'
    assert agent_command(["codex", "exec", "hi"], CONNECTION) == ["codex", "-c", option, "exec", "hi"]
    assert agent_command(["claude", "-p", "hi"], CONNECTION) == ["claude", "-p", "hi"]


@pytest.mark.parametrize(
    ("command", "name"),
    [("/opt/x/aider", "aider"), ("codex.exe", "codex"), ("Gemini.CMD", "Gemini"), ("a.b", "a.b")],
)
def test_a_program_is_named_without_its_folder(command: str, name: str) -> None:
    assert program_name(command) == name


@pytest.mark.parametrize(
    ("command", "name"),
    [("/opt/claude", "claude-code"), ("Codex.exe", "codex"), ("cursor-agent", "cursor"), ("python", "")],
)
def test_an_agent_is_known_by_its_program(command: str, name: str) -> None:
    assert recipe_for(command).name == name


def test_each_agent_is_named_once() -> None:
    programs = [program for recipe in RECIPES for program in recipe.programs]
    assert len(programs) == len(set(programs))


def test_settings_that_lead_around_the_meter_are_named() -> None:
    assert bypasses({"CLAUDE_CODE_USE_BEDROCK": "1", "CLAUDE_CODE_USE_VERTEX": "0"}) == ["CLAUDE_CODE_USE_BEDROCK"]
