import json
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.services.agents.connecting import is_connected, make_connection, plan_connection, undo_connection
from app.services.agents.own_settings import OWN_SETTINGS
from app.services.agents.recipe import Connection

CONNECTION = Connection("http://127.0.0.1:8787", "bsr_0123456789abcdefghijklmnopqrstuvwxyz012345")
AGENTS = sorted(OWN_SETTINGS)

ODD_FILES = {
    "claude-code": [
        b"{}", b"", b"  \n", b'{"env": {"ANTHROPIC_BASE_URL": "https://x.example", "A": "1"}}',
        b'{\r\n  "model": "opus", // mine\r\n  "env": {\r\n    "A": "1",\r\n  },\r\n}', b'\xef\xbb\xbf{"a": 1}',
    ],
    "codex": [
        b"", b'model = "gpt-5.6"', b'model_provider = "azure"\n[model_providers.azure]\nname = "x"\n',
        b'# mine\r\nnotify = [\r\n  "a",\r\n]\r\n\r\n[tui]\r\ntheme = "x"', b'[profiles.a]\nmodel_provider = "other"\n',
    ],
    "gemini": [b"", b"A=1", b"# mine\r\nexport GEMINI_API_KEY='x'\r\nB=2", b"\n\nGOOGLE_GEMINI_BASE_URL=\n"],
    "opencode": [b"{}", b'{"provider": {"openai": {"options": {"baseURL": "http://x", "n": [1]}}}}\n', b"// c\n{}"],
    "aider": [
        b"", b"model: x", b"set-env:\r\n- A=1\r\n- B=2\r\nmodel: y\r\n", b"openai-api-base: http://x # mine\n",
        b"set-env:\n    - A=1",
    ],
}  # fmt: skip
SAMPLES = [(agent, content) for agent in AGENTS for content in ODD_FILES[agent]]


@contextmanager
def person() -> Iterator[tuple[Path, dict[str, str], Path]]:
    """A home, its environment, and the folder where connections are kept."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        yield home, {"HOME": str(home)}, Path(folder) / "connections"


def connect(agent: str, environment: dict[str, str], folder: Path) -> Path:
    plan = plan_connection(agent, CONNECTION, environment)
    make_connection(folder, plan, "key")
    return plan.file


@pytest.mark.parametrize(("agent", "content"), SAMPLES)
def test_odd_files_are_changed_and_come_back_to_the_byte(agent: str, content: bytes) -> None:
    with person() as (_, environment, folder):
        file = OWN_SETTINGS[agent].file(environment)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(0o640)
        assert connect(agent, environment, folder).read_bytes() != content
        assert CONNECTION.token in file.read_text(encoding="utf-8")
        assert file.stat().st_mode & 0o777 == 0o640
        assert undo_connection(folder, agent) == (file.resolve(), "key")
        assert (file.read_bytes(), file.stat().st_mode & 0o777) == (content, 0o640)
        assert not is_connected(folder, agent)
        assert list(folder.iterdir()) == []


LINES = st.lists(
    st.sampled_from(["# c", "", "A=1", "model: x", "B: [1, 2]", "\t", "GEMINI_API_KEY=k", "ä=ö"]), max_size=8
)


@settings(max_examples=50)  # each example waits for the disk
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.sampled_from(["gemini", "aider"]))
def test_any_list_of_lines_comes_back_to_the_byte(lines: list[str], newline: str, ends: bool, agent: str) -> None:
    content = (newline.join(lines) + (newline if ends else "")).encode()
    with person() as (_, environment, folder):
        file = OWN_SETTINGS[agent].file(environment)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        connect(agent, environment, folder)
        assert b"127.0.0.1:8787" in file.read_bytes()
        undo_connection(folder, agent)
        assert file.read_bytes() == content


@pytest.mark.parametrize("agent", AGENTS)
def test_a_file_that_was_not_there_is_gone_again_with_its_folders(agent: str) -> None:
    with person() as (home, environment, folder):
        file = connect(agent, environment, folder)
        assert file.stat().st_mode & 0o777 == 0o600
        undo_connection(folder, agent)
        assert list(home.iterdir()) == []


@pytest.mark.parametrize(("agent", "content"), [sample for sample in SAMPLES if sample[1].endswith(b"\n")])
def test_what_a_person_adds_meanwhile_stays(agent: str, content: bytes) -> None:
    with person() as (_, environment, folder):
        file = OWN_SETTINGS[agent].file(environment)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        connect(agent, environment, folder)
        file.write_bytes(file.read_bytes() + b"# mine, later\n")
        undo_connection(folder, agent)
        assert file.read_bytes() == content + b"# mine, later\n"


def test_where_our_lines_were_rewritten_nothing_is_touched() -> None:
    with person() as (_, environment, folder):
        file = connect("claude-code", environment, folder)
        rewritten = json.dumps(json.loads(file.read_text())).encode()
        file.write_bytes(rewritten)
        with pytest.raises(InvalidInput, match="changed since"):
            undo_connection(folder, "claude-code")
        assert file.read_bytes() == rewritten
        assert is_connected(folder, "claude-code")


def test_a_settings_file_behind_a_link_is_changed_in_its_place() -> None:
    with person() as (home, environment, folder):
        (home / "dotfiles").mkdir()
        (home / "dotfiles" / "aider.yml").write_bytes(b"model: x\n")
        (home / ".aider.conf.yml").symlink_to(home / "dotfiles" / "aider.yml")
        connect("aider", environment, folder)
        assert (home / ".aider.conf.yml").is_symlink()
        assert b"8787" in (home / "dotfiles" / "aider.yml").read_bytes()
        undo_connection(folder, "aider")
        assert (home / "dotfiles" / "aider.yml").read_bytes() == b"model: x\n"


def connected_text(agent: str, content: str) -> str:
    return OWN_SETTINGS[agent].connect(content, CONNECTION)


def test_each_agents_file_says_what_it_reads() -> None:
    claude = json.loads(connected_text("claude-code", '{"env": {"A": "1"}, "model": "opus"}'))
    assert claude == {
        "env": {
            "A": "1",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:8787/anthropic",
            "ANTHROPIC_AUTH_TOKEN": CONNECTION.token,
        },
        "model": "opus",
    }
    codex = tomllib.loads(connected_text("codex", 'model = "m"\n[tui]\n'))
    assert (codex["model"], codex["model_provider"]) == ("m", "bursar")
    assert codex["model_providers"]["bursar"]["base_url"] == "http://127.0.0.1:8787/openai/v1"
    assert codex["model_providers"]["bursar"]["http_headers"] == {"Authorization": f"Bearer {CONNECTION.token}"}
    opencode = json.loads(connected_text("opencode", ""))["provider"]
    assert opencode["google"]["options"]["baseURL"] == "http://127.0.0.1:8787/gemini/v1beta"
    assert connected_text("aider", "set-env:\n- A=1\n").splitlines()[:2] == [
        "set-env:",
        "- ANTHROPIC_API_BASE=http://127.0.0.1:8787/anthropic",
    ]


@pytest.mark.parametrize(
    ("agent", "content"),
    [
        ("claude-code", "[1]"),
        ("claude-code", '{"env": 7}'),
        ("codex", "model = "),
        ("codex", "[model_providers.bursar]\nname = 'x'\n"),
        ("codex", "model_providers = 7\n"),
        ("aider", "set-env: [A=1]\n"),
    ],
)
def test_settings_that_cannot_be_changed_are_told_and_left(agent: str, content: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be changed"):
        connected_text(agent, content)


def test_bytes_that_are_no_text_are_told() -> None:
    with person() as (home, environment, _):
        (home / ".aider.conf.yml").write_bytes(b"\xff\xfe")
        with pytest.raises(InvalidInput, match="not UTF-8"):
            plan_connection("aider", CONNECTION, environment)


def test_an_agent_that_has_no_such_settings_is_told() -> None:
    with pytest.raises(InvalidInput, match="bursar run"):
        plan_connection("cursor", CONNECTION, {})


def test_a_diff_shows_the_change_and_no_key_of_the_persons() -> None:
    with person() as (home, environment, _):
        (home / ".aider.conf.yml").write_text("openai-api-key: sk-real-0123456789abcdefghij\nmodel: x\n")
        told = plan_connection("aider", CONNECTION, environment).diff()
    assert "-openai-api-key: [hidden]" in told
    assert "+openai-api-base: http://127.0.0.1:8787/openai/v1" in told
    assert "sk-real" not in told
