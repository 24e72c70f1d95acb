import json
import stat
from pathlib import Path

import pytest
import tzlocal.unix

from app.core.errors import InvalidInput
from app.services.settings import Settings, Theme, change_settings, load_settings, save_settings, settings_zone


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "settings.json") == Settings()
    assert Settings().gateway_port == 8787


def test_what_is_saved_is_read_again_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    settings = Settings(
        gateway_port=0, theme=Theme.DARK, time_zone="Europe/Berlin", upstreams={"openai": "https://a.b"}
    )
    save_settings(file, settings)
    assert load_settings(file) == settings
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [child.name for child in tmp_path.iterdir()] == ["settings.json"]


def test_settings_of_a_newer_version_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"gateway_port": 9000, "from_the_future": {"a": [1]}}')
    change_settings(file, theme="light")
    assert json.loads(file.read_text())["from_the_future"] == {"a": [1]}
    assert load_settings(file).gateway_port == 9000
    assert load_settings(file).theme is Theme.LIGHT


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{\n "theme": "dark",\n oops}', "Line 3"),
        ("[1, 2]", "Line 1"),
        ("", "Line 1"),
        ('{\n "theme": "dark",\n "gateway_port": 70000\n}', "Line 3: “gateway_port” must be a whole number"),
        ('{\n "gateway_port": true}', "Line 2: “gateway_port”"),
        ('{"theme": "pink"}', "system, light or dark"),
        ('{"theme": []}', "system, light or dark"),
        ('{"lane": "slow"}', "hooks or fast"),
        ('{"notifications": "yes"}', "true or false"),
        ('{"week_told_on": 7}', "0 (Monday) to 6 (Sunday)"),
        ('{"week_told_on": true}', "0 (Monday) to 6 (Sunday)"),
        ('{"quiet_from": "25:00"}', "a time of day like 22:00"),
        ('{"time_zone": "Mars/Olympus"}', "IANA"),
        ('{"time_zone": 5}', "Europe/Berlin"),
        ('{"private_destinations": "a:1"}', "like gitlab.internal:443"),
        ('{"private_destinations": ["a"]}', "like gitlab.internal:443"),
        ('{"upstreams": ["x"]}', "base URL"),
        ('{"upstreams": {"openai": "ftp://x"}}', "base URL"),
    ],
)
def test_a_damaged_file_is_told_about_and_never_overwritten(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text)
    with pytest.raises(InvalidInput, match="Mend the file") as raised:
        load_settings(file)
    assert told in raised.value.message
    with pytest.raises(InvalidInput):
        save_settings(file, Settings())
    assert file.read_text() == text


def test_a_file_that_is_not_text_is_told_about(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_settings(file)


def test_a_change_that_is_not_allowed_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    save_settings(file, Settings())
    with pytest.raises(InvalidInput):
        change_settings(file, gateway_port=-1)
    assert load_settings(file) == Settings()


def test_the_zone_is_the_chosen_one_or_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tzlocal.unix, "_cache_tz_name", None)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert settings_zone(Settings(time_zone="Europe/Berlin")) == "Europe/Berlin"
    assert settings_zone(Settings()) == "Asia/Tokyo"
    monkeypatch.setattr(tzlocal.unix, "_cache_tz_name", None)
    monkeypatch.setenv("TZ", "Nowhere/At_all")
    assert settings_zone(Settings()) in ("UTC", "Etc/UTC")
