"""The agents, one row each. What each of them reads was measured on the wire with the agent itself (versions below),
save where a row says that it comes from documentation or source.

Claude Code 2.1.330, Codex CLI 0.169.0, Gemini CLI 0.61.0, opencode 1.18.33, Copilot CLI 1.0.102, Cline CLI 3.0.65,
aider 0.86.2; Python SDKs anthropic 2.12, openai 3.54, google-genai 3.4; the Node SDKs of the same providers.
"""

from collections.abc import Iterator

from app.services.agents.recipe import Choice, Recipe

EVERY_PROGRAM = {
    "ANTHROPIC_BASE_URL": "$anthropic",
    "ANTHROPIC_API_KEY": "$token",
    "ANTHROPIC_API_BASE": "$anthropic",  # LiteLLM, and with it aider
    "OPENAI_BASE_URL": "$openai",
    "OPENAI_API_BASE": "$openai",  # LiteLLM, and with it aider
    "OPENAI_API_KEY": "$token",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",  # it would be sent to OpenAI itself, and with a virtual key in vain
    "CODEX_API_KEY": "$token",
    "GOOGLE_GEMINI_BASE_URL": "$gemini",
    "GEMINI_API_BASE": "$gemini/v1beta",  # LiteLLM, and with it aider
    "GEMINI_API_KEY": "$token",
    "GOOGLE_API_KEY": "$token",  # google-genai prefers it, so an inherited one would win
    "BURSAR_KEY": "$token",  # what `bursar mcp` is known by
}
"""What the SDKs read (anthropic, openai, google-genai in Python and Node), and with them LangChain, LangGraph, OpenAI
Agents, pydantic-ai and LiteLLM. Every agent gets them too: its tools may start such a program."""

KEYS_THAT_GO_FIRST = ("ANTHROPIC_AUTH_TOKEN",)
"""Inherited credentials that an SDK sends beside or before the key it was given."""

CLAUDE_CODE = Recipe(
    name="claude-code",
    title="Claude Code",
    programs=("claude",),
    provider="anthropic",
    own_login={"ANTHROPIC_BASE_URL": "$anthropic", "ANTHROPIC_CUSTOM_HEADERS": "x-bursar-key: $token"},
    # It asks before it uses an API key of the environment, but not before it uses a bearer token.
    # With the hints it says what each request is for, as it does by itself when it calls Anthropic directly.
    variables={"ANTHROPIC_AUTH_TOKEN": "$token", "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1"},
    removed=("ANTHROPIC_API_KEY",),
    names_session=True,
    bypasses=(
        "CLAUDE_CODE_USE_BEDROCK",
        "CLAUDE_CODE_USE_VERTEX",
        "CLAUDE_CODE_USE_FOUNDRY",
        "ANTHROPIC_UNIX_SOCKET",
    ),
)
CODEX = Recipe(
    name="codex",
    title="Codex CLI",
    programs=("codex",),
    provider="openai",
    # It ignores OPENAI_BASE_URL and reads the address from its settings only.
    arguments=("-c", 'openai_base_url="$openai"'),
    names_session=True,
)
GEMINI_CLI = Recipe(
    name="gemini",
    title="Gemini CLI",
    programs=("gemini",),
    provider="google",
    removed=("GOOGLE_API_KEY",),  # beside the other one it is warned of at every start
    bypasses=("GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"),
    # With a base URL and no choice in its settings, `gemini -p` ends with "Invalid auth method selected"; no variable
    # makes that choice, and a file of system settings has to be root's.
    note=(
        "Gemini CLI wants to be told once how to sign in, or ends with “Invalid auth method selected”: choose “Use "
        "Gemini API Key” in it. With a Google login its calls go around the meter."
    ),
)
OPENCODE = Recipe(
    name="opencode",
    title="opencode",
    programs=("opencode",),
    # Its SDKs want the version in the address.
    joined_settings={
        "OPENCODE_CONFIG_CONTENT": '{"provider": {'
        '"anthropic": {"options": {"baseURL": "$anthropic/v1", "apiKey": "$token"}}, '
        '"openai": {"options": {"baseURL": "$openai", "apiKey": "$token"}}, '
        '"google": {"options": {"baseURL": "$gemini/v1beta", "apiKey": "$token"}}}}'
    },
    names_session=True,
)
AIDER = Recipe(
    name="aider",
    title="aider",
    programs=("aider",),
)
GOOSE = Recipe(
    name="goose",
    title="goose",
    programs=("goose",),
    # From its source: a host, which a path is joined to; the slash at the end keeps what is before it.
    variables={
        "ANTHROPIC_HOST": "$anthropic/",
        "OPENAI_HOST": "$gateway/openai/",
        "GOOGLE_HOST": "$gemini/",
    },
    removed=("OPENAI_BASE_PATH", "OPENAI_BASE_URL"),
)
COPILOT_CLI = Recipe(
    name="copilot",
    title="GitHub Copilot CLI",
    programs=("copilot",),
    variables={
        "COPILOT_PROVIDER_BASE_URL": "$openai",
        "COPILOT_PROVIDER_API_KEY": "$token",
        "COPILOT_OFFLINE": "true",
    },
    choices=(Choice("COPILOT_PROVIDER_TYPE", "anthropic", {"COPILOT_PROVIDER_BASE_URL": "$anthropic"}),),
    removed=("COPILOT_PROVIDER_BEARER_TOKEN",),
    note=(
        "Copilot CLI is metered with a provider’s own models, not with GitHub’s: name one in COPILOT_MODEL, and for "
        "Claude models set COPILOT_PROVIDER_TYPE=anthropic."
    ),
)
CLINE = Recipe(
    name="cline",
    title="Cline CLI",
    programs=("cline",),
    note=(
        "Cline keeps its address in its own settings. Once: cline auth PROVIDER --baseurl and the base URL that "
        "bursar env prints, with a virtual key from bursar keys issue."
    ),
)
EDITORS = Recipe(
    name="vscode",
    title="VS Code with Cline or Roo",
    programs=("code", "code-insiders", "codium", "vscodium", "windsurf"),
    note=(
        "Extensions such as Cline and Roo keep a base URL for each provider in their own settings: put in what "
        "bursar env prints. An editor that already runs takes nothing from here."
    ),
)
CURSOR = Recipe(
    name="cursor",
    title="Cursor",
    programs=("cursor", "cursor-agent"),
    unmetered="Cursor’s calls are made by Cursor’s own servers, so none of them can be metered or capped here.",
)
ANY_PROGRAM = Recipe(name="", title="any program on a provider’s SDK")

RECIPES = (CLAUDE_CODE, CODEX, GEMINI_CLI, OPENCODE, AIDER, GOOSE, COPILOT_CLI, CLINE, EDITORS, CURSOR)


def recipe_for(command: str) -> Recipe:
    """The recipe of the agent that a command starts; that of any program for one that is not known."""
    return next((recipe for recipe in RECIPES if recipe.is_for(command)), ANY_PROGRAM)


def bypass_variables() -> Iterator[tuple[Recipe, str]]:
    """Each variable that leads an agent around its base URL, with that agent."""
    return ((recipe, variable) for recipe in RECIPES for variable in recipe.bypasses)
