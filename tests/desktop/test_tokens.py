"""What is written or drawn can be told from every ground it stands on, by the measure of WCAG 2."""

import re
from dataclasses import fields

import pytest

from app.desktop.tokens import DARK, DARK_PANEL, LIGHT, LIGHT_PANEL, Inks, Tokens

TEXT, GRAPHIC = 4.5, 3.0
GROUNDS = ("content", "window", "raised", "hover", "selected")
BANDS = {"at_band": ("text", "text_2", "text_3"), "paused_band": ("text", "text_2", "text_3", "accent")}
PANELS = ((DARK_PANEL, "#1E1F22"), (LIGHT_PANEL, "#EDECEA"))
THEMES = {"light": LIGHT, "dark": DARK}


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def short_of(tokens: Tokens, inks: tuple[str, ...], grounds: tuple[str, ...], least: float) -> list[str]:
    pairs = (
        (ink, ground, contrast(getattr(tokens, ink), getattr(tokens, ground))) for ink in inks for ground in grounds
    )
    return [f"{ink} on {ground}: {ratio:.2f}" for ink, ground, ratio in pairs if ratio < least]


def test_the_measure_is_the_standards() -> None:
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_read_on_every_ground(theme: str) -> None:
    tokens = THEMES[theme]
    inks = ("text", "text_2", "text_3", "accent", "near_text", "at_text", "paused_text")
    assert short_of(tokens, inks, GROUNDS, TEXT) == []
    assert short_of(tokens, ("text", "accent", "at_text"), ("button",), TEXT) == []
    for band, written in BANDS.items():
        assert short_of(tokens, written, (band,), TEXT) == []
    assert short_of(tokens, ("on_accent",), ("accent",), TEXT) == []
    assert short_of(tokens, ("content",), ("paused_text",), TEXT) == []  # the count in the sidebar


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_drawn_stands_out_from_its_ground(theme: str) -> None:
    tokens = THEMES[theme]
    assert short_of(tokens, ("near", "at", "paused", "edge", "bar", "accent"), GROUNDS, GRAPHIC) == []
    assert short_of(tokens, ("bar",), ("track",), GRAPHIC) == []
    series = tuple(field.name for field in fields(Tokens) if field.name.startswith("series_"))
    assert short_of(tokens, series, ("content",), GRAPHIC) == []


@pytest.mark.parametrize(("inks", "panel"), PANELS)
def test_the_tray_icon_stands_out_from_its_panel(inks: Inks, panel: str) -> None:
    for ink in (inks.ink, inks.near, inks.at, inks.asked):
        assert contrast(ink, panel) >= GRAPHIC


@pytest.mark.parametrize("theme", THEMES)
def test_every_token_is_a_colour(theme: str) -> None:
    for field in fields(Tokens):
        assert re.fullmatch(r"#[0-9A-F]{6}", getattr(THEMES[theme], field.name))
