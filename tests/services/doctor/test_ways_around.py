from pathlib import Path

import pytest

from app.services.doctor.finding import Finding, Level
from app.services.doctor.ways_around import Places, findings_around, own_settings, places_of, repository_settings

GATEWAY = "http://127.0.0.1:8787"
KEY = "sk-ant-api03-abcdefghijklmnop"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "person", tmp_path / "repository", tmp_path / "person" / ".config")


def wrong(findings: list[Finding]) -> list[str]:
    return [finding.title for finding in findings if finding.level is Level.WRONG]


def test_a_clean_machine_has_nothing_around_the_meter(places: Places) -> None:
    environment = {"ANTHROPIC_API_KEY": "bsr_0123456789abcdef0123", "OPENAI_BASE_URL": f"{GATEWAY}/openai/v1"}
    assert findings_around(environment, places, GATEWAY) == []


@pytest.mark.parametrize(
    ("environment", "title"),
    [
        ({"ANTHROPIC_API_KEY": KEY}, "ANTHROPIC_API_KEY holds a provider's key"),
        ({"COPILOT_PROVIDER_API_KEY": KEY}, "COPILOT_PROVIDER_API_KEY holds a provider's key"),
        ({"OPENAI_BASE_URL": "https://api.openai.com/v1"}, "OPENAI_BASE_URL leads elsewhere than to the meter"),
        ({"CLAUDE_CODE_USE_BEDROCK": "1"}, "CLAUDE_CODE_USE_BEDROCK is set"),
        ({"NO_PROXY": "localhost, .openai.com"}, "NO_PROXY names a provider"),
        ({"no_proxy": "*"}, "no_proxy names a provider"),
    ],
)
def test_the_environment_is_looked_through(places: Places, environment: dict[str, str], title: str) -> None:
    assert wrong(findings_around(environment, places, GATEWAY)) == [title]


@pytest.mark.parametrize("environment", [{"NO_PROXY": "127.0.0.1,example.com,notopenai.com"}, {"NO_PROXY": ""}])
def test_other_hosts_may_go_without_a_proxy(places: Places, environment: dict[str, str]) -> None:
    assert wrong(findings_around(environment, places, GATEWAY)) == []


def test_every_settings_file_is_looked_through(places: Places) -> None:
    for agent, file in [*own_settings(places), *repository_settings(places)]:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'"base_url": "https://evil.example/{KEY}"\napi_key = "{KEY}"\naccessToken: {KEY}\n')
        findings = findings_around({}, places, GATEWAY)
        assert [finding.level for finding in findings] == [Level.WRONG, Level.NOTE, Level.WRONG], agent
        assert {finding.subject for finding in findings} == {agent}
        told = " ".join(f"{finding.title} {finding.meaning} {finding.fix}" for finding in findings)
        assert KEY not in told
        assert f"{file}, line 1: base_url" in told
        file.unlink()


def test_the_repository_is_the_one_around_the_folder(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep").mkdir()
    found = places_of({"HOME": str(tmp_path / "me")}, tmp_path / "deep")
    assert found == Places(tmp_path / "me", tmp_path, tmp_path / "me" / ".config")
