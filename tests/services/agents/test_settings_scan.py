from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.services.agents.settings_scan import Kind, kind_of, suspects_in

GATEWAY = "http://127.0.0.1:8787"
KEY = "sk-ant-api03-abcdefghijklmnop"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("ANTHROPIC_API_KEY", KEY, Kind.KEY),
        ("env.ANTHROPIC_AUTH_TOKEN", KEY, Kind.KEY),
        ("apiKey", KEY, Kind.KEY),
        ("anthropic-api-key", KEY, Kind.KEY),
        ("apiKey", "bsr_0123456789abcdefghijklmnop", None),
        ("apiKey", "{env:ANTHROPIC_API_KEY}", None),
        ("api_key", "$OPENAI_API_KEY_OF_MINE", None),
        ("api_key", "short", None),
        ("accessToken", KEY, Kind.LOGIN),
        ("ANTHROPIC_BASE_URL", "https://evil.example", Kind.ELSEWHERE),
        ("baseURL", "http://127.0.0.1:8787/anthropic", None),
        ("openai_base_url", "http://localhost:11434/v1", None),
        ("OPENAI_HOST", "http://127.0.0.1.evil.example", Kind.ELSEWHERE),
        ("base_url", "http://[broken", Kind.ELSEWHERE),
        ("base_url", "/relative", None),
        ("model", "claude-opus-4-8-with-a-long-name", None),
    ],
)
def test_a_setting_is_told_by_its_name_and_value(name: str, value: str, kind: Kind | None) -> None:
    assert kind_of(name, value, GATEWAY) is kind


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("settings.json", '{\n  "env": {"X": "1", "OPENAI_API_KEY": "%s"}\n}', 2),
        ("settings.json", '{"a": 1, "env":{"OPENAI_API_KEY":"%s"}}', 1),
        ("config.toml", "# comment\n\nOPENAI_API_KEY = '%s'  # mine\n", 3),
        (".env", "export OPENAI_API_KEY=%s\r\n", 1),
        (".aider.conf.yml", "model: x\nOPENAI_API_KEY: %s\n", 2),
        ("broken.json", '{"OPENAI_API_KEY": "%s", ', 1),
    ],
)
def test_every_kind_of_file_is_read(tmp_path: Path, name: str, text: str, line: int) -> None:
    (tmp_path / name).write_text(text % KEY)
    [suspect] = suspects_in(tmp_path / name, GATEWAY)
    assert (suspect.kind, suspect.line, suspect.name) == (Kind.KEY, line, "OPENAI_API_KEY")


def test_what_is_commented_out_or_not_there_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(f"# OPENAI_API_KEY={KEY}\n  // apiKey: {KEY}\n")
    assert suspects_in(tmp_path / "a", GATEWAY) == suspects_in(tmp_path / "missing", GATEWAY) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from(["api_key: ", "baseURL=https://", '"accessToken":"']))
def test_any_bytes_can_be_read_and_no_value_is_kept(tmp_path: Path, noise: bytes, start: str) -> None:
    (tmp_path / "settings").write_bytes(noise + b"\n" + start.encode() + b"secret-secret-secret-secret")
    for suspect in suspects_in(tmp_path / "settings", GATEWAY):
        assert "secret" not in suspect.name
