from pathlib import Path

from app.services.agents.folders import FoundPlaces, find_own_places


def test_an_agents_folder_is_made_and_its_settings_stay_as_they_are(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / "config.toml").touch()
    found = find_own_places("codex", tmp_path, {})
    folder = tmp_path / ".codex"
    assert found == FoundPlaces((folder,), (folder / "config.toml",), {"CODEX_HOME": str(folder)})
    assert find_own_places("aider", tmp_path, {}).writable == (tmp_path / ".aider",)
    assert (tmp_path / ".aider").is_dir()


def test_a_folder_that_a_person_moved_is_the_one(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    found = find_own_places("claude-code", tmp_path, {"CLAUDE_CONFIG_DIR": str(elsewhere)})
    assert found.writable == (elsewhere,)


def test_what_claude_code_keeps_in_the_home_is_copied_once_to_where_it_can_be_written(tmp_path: Path) -> None:
    (tmp_path / ".claude.json").write_text('{"a": 1}')
    find_own_places("claude-code", tmp_path, {})
    copy = tmp_path / ".claude" / ".claude.json"
    assert copy.read_text() == '{"a": 1}'
    copy.write_text('{"a": 2}')
    find_own_places("claude-code", tmp_path, {})
    assert copy.read_text() == '{"a": 2}'


def test_any_other_program_has_none(tmp_path: Path) -> None:
    assert find_own_places("", tmp_path, {}) == FoundPlaces()
    assert list(tmp_path.iterdir()) == []
