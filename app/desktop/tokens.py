"""Colours of the design, light and dark. Values only; `theme` turns them into Qt's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tokens:
    """One theme's colours as `#rrggbb`. `near`, `at` and `paused` are fills; the words beside them use `*_text`.
    Agents have a `series_*` each, in the order they were first seen."""

    content: str
    window: str
    raised: str
    hover: str
    selected: str
    line: str
    grid: str
    edge: str
    button: str
    button_edge: str
    text: str
    text_2: str
    text_3: str
    accent: str
    on_accent: str
    bar: str
    track: str
    near_text: str
    near: str
    at_text: str
    at: str
    at_band: str
    paused_text: str
    paused: str
    paused_band: str
    series_1: str
    series_2: str
    series_3: str
    series_4: str
    series_5: str


LIGHT = Tokens(
    content="#FFFFFF", window="#F4F3F0", raised="#FFFFFF", hover="#EEEDE9", selected="#DFEBE7",
    line="#E3E1DC", grid="#EFEDE9", edge="#85837D", button="#FFFFFF", button_edge="#C9C6BF",
    text="#1C1C1A", text_2="#57564F", text_3="#67655F", accent="#0D6655", on_accent="#FFFFFF",
    bar="#4D4C47", track="#EBE9E5", near_text="#855000", near="#B87400",
    at_text="#A81E14", at="#B3261E", at_band="#FBE9E6",
    paused_text="#2456B8", paused="#3470DE", paused_band="#E8EFFB",
    series_1="#0B7A66", series_2="#1294CE", series_3="#8C5F0F", series_4="#64374F", series_5="#1C4191",
)  # fmt: skip

DARK = Tokens(
    content="#1A1B1C", window="#232425", raised="#262728", hover="#2E2F31", selected="#23392F",
    line="#37383A", grid="#2A2B2D", edge="#84868A", button="#313234", button_edge="#4D4F52",
    text="#ECEBE7", text_2="#B9B7B1", text_3="#A3A19B", accent="#57BFA5", on_accent="#0C211B",
    bar="#C9C7C1", track="#38393B", near_text="#F0B550", near="#EFB23F",
    at_text="#FF9485", at="#E8553F", at_band="#412724",
    paused_text="#93B6FF", paused="#6E9BF7", paused_band="#25304A",
    series_1="#57BFA5", series_2="#8383CC", series_3="#977436", series_4="#EDB6E6", series_5="#346E99",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inks:
    """Colours of the tray icon on one kind of panel. `down` and `track` are the ink at an opacity of 0 to 1."""

    ink: str
    near: str
    at: str
    asked: str
    track_opacity: float = 0.32
    down_opacity: float = 0.5


DARK_PANEL = Inks(ink="#F2F2F0", near="#EFB23F", at="#F0674F", asked="#7FA8FF")
LIGHT_PANEL = Inks(ink="#23231F", near="#B87400", at="#B3261E", asked="#2B66D6")
TEMPLATE = Inks(ink="#000000", near="#000000", at="#000000", asked="#000000")
"""macOS colours a template image itself and looks at its opacity only."""
