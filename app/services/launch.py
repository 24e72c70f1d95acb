"""The environment an agent is launched in, so that its calls go through the meter and it holds no provider key.

What each agent reads was measured with the agent itself; a variable that one of them ignores is harmless to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

LOOPBACK = ("127.0.0.1", "localhost")
_BYPASSES = (
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_VERTEX",
    "CLAUDE_CODE_USE_FOUNDRY",
    "GOOGLE_GENAI_USE_VERTEXAI",
)


@dataclass(frozen=True, slots=True)
class Connection:
    """How an agent reaches the meter: `gateway_url` without a slash at its end, the virtual key, and labels.

    `task` and `session` may be empty: then no label is sent.
    """

    gateway_url: str
    token: str
    task: str = ""
    session: str = ""


def agent_exports(connection: Connection, program: str = "") -> dict[str, str]:
    """The variables to set for an agent. `program` is the command's name, empty for any.

    Claude Code asks before it uses an API key of the environment but not before it uses a bearer token, so it gets
    the latter; both hold the same virtual key.
    """
    gateway, token = connection.gateway_url, connection.token
    exports = {
        "ANTHROPIC_BASE_URL": f"{gateway}/anthropic",
        "ANTHROPIC_API_BASE": f"{gateway}/anthropic",  # aider
        "ANTHROPIC_AUTH_TOKEN" if program_name(program) == "claude" else "ANTHROPIC_API_KEY": token,
        "OPENAI_BASE_URL": f"{gateway}/openai/v1",
        "OPENAI_API_BASE": f"{gateway}/openai/v1",  # aider
        "OPENAI_API_KEY": token,
        "CODEX_API_KEY": token,
        "GOOGLE_GEMINI_BASE_URL": f"{gateway}/gemini",
        "GEMINI_API_KEY": token,
        "GOOGLE_API_KEY": token,  # google-genai prefers it, so an inherited one would win
    }
    return exports | _label_headers(connection)


def agent_environment(connection: Connection, inherited: Mapping[str, str], program: str = "") -> dict[str, str]:
    """The whole environment of a child: what it inherits, with the meter in the place of providers and their keys."""
    environment = dict(inherited)
    environment.pop("ANTHROPIC_API_KEY", None)
    environment.pop("ANTHROPIC_AUTH_TOKEN", None)
    for name, value in agent_exports(connection, program).items():
        environment[name] = _merged(name, environment.get(name, ""), value)
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = _without_proxy(environment.get(name, ""))
    return environment


def agent_command(command: Sequence[str], gateway_url: str) -> list[str]:
    """The command to run: Codex takes its base URL from an option only (measured with 0.169), so it is put in."""
    if not command or program_name(command[0]) != "codex":
        return list(command)
    return [command[0], "-c", f'openai_base_url="{gateway_url}/openai/v1"', *command[1:]]


def program_name(command: str) -> str:
    """The name of a program without its folder and `.exe`."""
    name = PurePath(command).name
    return name[:-4] if name.lower().endswith((".exe", ".cmd", ".bat")) else name


def bypasses(environment: Mapping[str, str]) -> list[str]:
    """Variables that are set and send an agent's calls elsewhere than to its base URL, so that they go unmetered."""
    return [name for name in _BYPASSES if environment.get(name, "").lower() not in ("", "0", "false")]


_HEADER_VARIABLES = {
    "ANTHROPIC_CUSTOM_HEADERS": "\n",
    "OPENAI_CUSTOM_HEADERS": "\n",
    "GEMINI_CLI_CUSTOM_HEADERS": ", ",
}


def _label_headers(connection: Connection) -> dict[str, str]:
    """Headers for the labels that every client can send; any other task is told by the virtual key alone."""
    labels = {"x-bursar-task": connection.task, "x-bursar-session": connection.session}
    headers = [f"{name}: {value}" for name, value in labels.items() if _fits_header(value)]
    if not headers:
        return {}
    return {variable: separator.join(headers) for variable, separator in _HEADER_VARIABLES.items()}


def _fits_header(value: str) -> bool:
    return value != "" and value.isascii() and value.isprintable() and "," not in value


def _merged(name: str, inherited: str, value: str) -> str:
    """Custom headers join those the person has set; everything else replaces."""
    separator = _HEADER_VARIABLES.get(name)
    return f"{inherited}{separator}{value}" if separator and inherited else value


def _without_proxy(inherited: str) -> str:
    entries = [entry.strip() for entry in inherited.split(",") if entry.strip()]
    return ",".join(entries + [host for host in LOOPBACK if host not in entries])
