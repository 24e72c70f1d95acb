"""What goes around the meter: keys and addresses in the environment, in agents' own settings, in the repository."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.services.agents.recipes import EVERY_PROGRAM, RECIPES, bypass_variables
from app.services.agents.settings_scan import Kind, Suspect, kind_of, suspects_in
from app.services.doctor.finding import Finding, Level, Remedy

PROVIDER_HOSTS = ("api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com", "chatgpt.com")
_CA_VARIABLES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CODEX_CA_CERTIFICATE", "CLAUDE_CODE_CERT_STORE")
_NOT_METERED_KEYS = ("OPENROUTER_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY", "DEEPSEEK_API_KEY", "XAI_API_KEY")


@dataclass(frozen=True, slots=True)
class Places:
    """Where settings are looked for: a person's home, the repository (or folder), and their configuration folder."""

    home: Path
    repository: Path
    config: Path


def places_of(environment: Mapping[str, str], folder: Path) -> Places:
    """The usual places, for a command started in `folder`."""
    home = Path(environment.get("HOME") or Path.home())
    top = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    return Places(home, top, Path(environment.get("XDG_CONFIG_HOME") or home / ".config"))


def own_settings(places: Places) -> list[tuple[str, Path]]:
    """Each agent's own settings files, there or not."""
    home, config = places.home, places.config
    return [
        ("Claude Code", home / ".claude" / "settings.json"),
        ("Claude Code", home / ".claude" / ".credentials.json"),
        ("Claude Code", home / ".claude.json"),
        ("Codex CLI", home / ".codex" / "config.toml"),
        ("Codex CLI", home / ".codex" / "auth.json"),
        ("Gemini CLI", home / ".gemini" / "settings.json"),
        ("Gemini CLI", home / ".gemini" / ".env"),
        ("Gemini CLI", home / ".gemini" / "oauth_creds.json"),
        ("opencode", config / "opencode" / "opencode.json"),
        ("opencode", home / ".local" / "share" / "opencode" / "auth.json"),
        ("aider", home / ".aider.conf.yml"),
        ("goose", config / "goose" / "config.yaml"),
    ]


def repository_settings(places: Places) -> list[tuple[str, Path]]:
    """Settings that a repository brings along and its agents obey, there or not."""
    top = places.repository
    return [
        ("Claude Code", top / ".claude" / "settings.json"),
        ("Claude Code", top / ".claude" / "settings.local.json"),
        ("Codex CLI", top / ".codex" / "config.toml"),
        ("Gemini CLI", top / ".gemini" / "settings.json"),
        ("Gemini CLI", top / ".gemini" / ".env"),
        ("opencode", top / "opencode.json"),
        ("aider", top / ".aider.conf.yml"),
        ("Any program", top / ".env"),
    ]


def findings_around(environment: Mapping[str, str], places: Places, gateway_url: str) -> list[Finding]:
    """Everything that may lead around the meter at `gateway_url`."""
    findings = _in_environment(environment, gateway_url)
    for agent, file in own_settings(places):
        findings += _in_file(agent, file, suspects_in(file, gateway_url))
    for agent, file in repository_settings(places):
        findings += _in_file(agent, file, suspects_in(file, gateway_url), of_repository=True)
    return findings


def _in_environment(environment: Mapping[str, str], gateway_url: str) -> list[Finding]:
    read = {*EVERY_PROGRAM, *(name for recipe in RECIPES for name in recipe.variables)}
    kinds = {name: kind_of(name, environment.get(name, ""), gateway_url) for name in sorted(read)}
    keys = [name for name, kind in kinds.items() if kind is Kind.KEY]
    addresses = [name for name, kind in kinds.items() if kind is Kind.ELSEWHERE]
    findings = [_key_finding(name) for name in keys] + [_address_finding(name) for name in addresses]
    for recipe, name in bypass_variables():
        if environment.get(name, "").lower() not in ("", "0", "false"):
            meaning = f"{recipe.title} sends its calls elsewhere than to its base URL, so the meter does not see them."
            findings.append(Finding(Level.WRONG, recipe.title, f"{name} is set", meaning, f"unset {name}"))
    return findings + _beside(environment)


def _beside(environment: Mapping[str, str]) -> list[Finding]:
    """What is no way around by itself but may become one."""
    findings = []
    for name in ("NO_PROXY", "no_proxy"):
        hosts = [host for host in _entries(environment.get(name, "")) if _covers_provider(host)]
        if hosts:
            meaning = "Agents that reach the meter through HTTPS_PROXY call these providers directly."
            fix = f"Take {', '.join(sorted(hosts))} out of {name}."
            findings.append(Finding(Level.WRONG, "Environment", f"{name} names a provider", meaning, fix))
    for name in _NOT_METERED_KEYS:
        if environment.get(name):
            meaning = "An agent that chooses this provider is not metered by a base URL, and bursar run leaves the key."
            findings.append(Finding(Level.NOTE, "Environment", f"{name} is set", meaning, f"unset {name}"))
    for name in _CA_VARIABLES:
        if environment.get(name):
            meaning = "It matters only for agents that reach the meter through HTTPS_PROXY: they must know its CA."
            findings.append(Finding(Level.NOTE, "Environment", f"{name} names certificates of its own", meaning))
    return findings


def _entries(text: str) -> Iterable[str]:
    return {entry.strip().lstrip(".").lower() for entry in text.split(",") if entry.strip()}


def _covers_provider(entry: str) -> bool:
    return entry == "*" or any(host == entry or host.endswith(f".{entry}") for host in PROVIDER_HOSTS)


def _key_finding(name: str) -> Finding:
    meaning = "An agent that is started without bursar run spends it unseen."
    fix = "Move it into the keyring with: bursar keys provider adopt --remove-lines"
    return Finding(Level.WRONG, "Environment", f"{name} holds a provider's key", meaning, fix, Remedy.KEEP_KEYS)


def _address_finding(name: str) -> Finding:
    meaning = "Programs started without bursar run send their calls there, so the meter does not see them."
    fix = f"unset {name}, or set it with: bursar env"
    return Finding(Level.WRONG, "Environment", f"{name} leads elsewhere than to the meter", meaning, fix)


def _in_file(agent: str, file: Path, suspects: list[Suspect], *, of_repository: bool = False) -> list[Finding]:
    """One finding a file and kind: a file full of keys is one thing to mend."""
    findings = []
    for kind in Kind:
        of_kind = [suspect for suspect in suspects if suspect.kind is kind]
        if of_kind:
            where = f"{file}, line {of_kind[0].line}: {of_kind[0].name}"
            findings.append(_file_finding(kind, agent, where, of_repository))
    return findings


def _file_finding(kind: Kind, agent: str, where: str, of_repository: bool) -> Finding:
    if kind is Kind.LOGIN:
        meaning = f"{where}. Calls with a login are not metered; those with a virtual key are."
        return Finding(Level.NOTE, agent, f"{agent} is logged in to an account", meaning)
    whose = "The repository’s" if of_repository else "The agent’s own"
    if kind is Kind.KEY:
        meaning = f"{where}. The agent can spend it unseen."
        fix = "Move it into the keyring with bursar keys provider adopt, then take it out of this file."
        remedy = None if of_repository else Remedy.KEEP_KEYS
        return Finding(Level.WRONG, agent, f"{whose} settings hold a provider’s key", meaning, fix, remedy)
    meaning = f"{where}. The agent may follow it and not the environment that bursar run gives it."
    fix = "Take the line out of this file."
    return Finding(Level.WRONG, agent, f"{whose} settings lead elsewhere than to the meter", meaning, fix)
