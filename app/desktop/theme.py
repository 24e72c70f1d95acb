"""The theme: palette and style sheet made from the tokens, and following the desktop's light or dark.

A widget's tokens are found from its palette (`tokens_of`), so there is no theme to hand around, and a change of theme
is Qt's own palette change: everything that paints by tokens repaints.
"""

from string import Template

import qtawesome
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from app.desktop.fonts import tabular
from app.desktop.tokens import DARK, LIGHT, Tokens
from app.services.settings import Theme

_SCHEMES = {
    Theme.SYSTEM: Qt.ColorScheme.Unknown,
    Theme.LIGHT: Qt.ColorScheme.Light,
    Theme.DARK: Qt.ColorScheme.Dark,
}
_MIDDLE_LIGHTNESS = 128
_DOT_SCALE = 0.45

_SHEET = Template("""
QPushButton, QToolButton[kind="plain"] { background: $button; color: $text; border: 1px solid $button_edge;
    border-radius: 6px; padding: 0 12px; min-height: 26px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $selected; }
QPushButton:focus { border: 2px solid $accent; padding: 0 11px; min-height: 24px; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border-color: $accent; font-weight: 500; }
QPushButton[kind="primary"]:focus { border-color: $text; }
QPushButton[kind="destructive"] { color: $at_text; }
QPushButton[kind="link"] { background: transparent; border: none; color: $accent; padding: 0; min-height: 20px;
    text-align: left; }
QPushButton[kind="link"]:focus { border: none; min-height: 20px; text-decoration: underline; }
QPushButton[kind="quiet"] { background: transparent; border: 1px solid transparent; color: $text_2; padding: 0 4px; }
QPushButton[kind="quiet"]:focus { border-color: $accent; }
QPushButton[kind="quiet"]:hover { color: $text; }
QPushButton[kind="segment"] { background: transparent; border: 1px solid transparent; color: $text_2;
    padding: 0 10px; min-height: 24px; }
QPushButton[kind="segment"]:checked { background: $raised; color: $text; border-color: $button_edge;
    font-weight: 500; }
QPushButton[kind="segment"]:focus { border-color: $accent; }
QPushButton:disabled { color: $text_3; }
QLineEdit, QComboBox, QSpinBox { background: $raised; color: $text; border: 1px solid $edge; border-radius: 6px;
    padding: 0 8px; min-height: 26px; selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit:focus, QComboBox:focus, QSpinBox:focus { border: 2px solid $accent; padding: 0 7px; min-height: 24px; }
QPlainTextEdit { background: $window; color: $text; border: 1px solid $line; border-radius: 6px; padding: 4px; }
QPlainTextEdit:focus { border: 2px solid $accent; padding: 3px; }
QComboBox::drop-down { border: none; width: 24px; }
QComboBox QAbstractItemView { background: $raised; color: $text; border: 1px solid $line; }
QRadioButton::indicator { width: 12px; height: 12px; border: 1px solid $edge; border-radius: 7px; }
QRadioButton::indicator:checked { width: 6px; height: 6px; border: 4px solid $accent; background: $on_accent; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid $edge; border-radius: 3px; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; }
QCheckBox::indicator:focus { border: 2px solid $accent; width: 12px; height: 12px; }
QCheckBox::indicator:checked:focus { border: 2px solid $text; }
QRadioButton::indicator:focus { border: 2px solid $accent; width: 10px; height: 10px; }
QRadioButton::indicator:checked:focus { border: 4px solid $text; width: 6px; height: 6px; }
QDialog { background: $raised; }
QSpinBox::up-button, QSpinBox::down-button { width: 0; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: $button_edge; border-radius: 3px; margin: 2px; min-height: 24px; min-width: 24px; }
QScrollBar::handle:hover { background: $edge; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QLabel[ink="text_2"] { color: $text_2; }
QLabel[ink="text_3"] { color: $text_3; }
QLabel[ink="near_text"] { color: $near_text; }
QLabel[ink="at_text"] { color: $at_text; }
QLabel[ink="paused_text"] { color: $paused_text; }
QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 4px; }
""")


class ThemeSwitch(QObject):
    """Keeps the application in the chosen theme. `changed` is told after every change."""

    changed = Signal()

    def __init__(self, app: QApplication, theme: Theme) -> None:
        super().__init__(app)
        self._app = app
        self._theme = theme
        self._tokens: Tokens | None = None
        app.setStyle("Fusion")
        app.setFont(tabular(app.font()))
        app.styleHints().colorSchemeChanged.connect(self._apply)
        self.choose(theme)

    def choose(self, theme: Theme) -> None:
        """Switch to a theme now."""
        self._theme = theme
        self._app.styleHints().setColorScheme(_SCHEMES[theme])
        self._apply()

    def _apply(self) -> None:
        tokens = self._effective()
        if tokens is self._tokens:
            return
        self._tokens = tokens
        self._app.setPalette(palette_of(tokens))
        self._app.setStyleSheet(_SHEET.substitute({name: getattr(tokens, name) for name in Tokens.__slots__}))
        self.changed.emit()

    def _effective(self) -> Tokens:
        """Some platforms answer Unknown for what they show, so an explicit choice is never asked back."""
        if self._theme is Theme.SYSTEM:
            return DARK if self._app.styleHints().colorScheme() is Qt.ColorScheme.Dark else LIGHT
        return DARK if self._theme is Theme.DARK else LIGHT


def tokens_of(widget: QWidget) -> Tokens:
    """The tokens a widget is to paint with."""
    return tokens_of_palette(widget.palette())


def tokens_of_palette(palette: QPalette) -> Tokens:
    """The tokens a palette was made from."""
    return DARK if palette.color(QPalette.ColorRole.Window).lightness() < _MIDDLE_LIGHTNESS else LIGHT


def palette_of(tokens: Tokens) -> QPalette:
    """Qt's palette of one theme."""
    role = QPalette.ColorRole
    colours = {
        role.Window: tokens.content, role.WindowText: tokens.text, role.Base: tokens.content,
        role.AlternateBase: tokens.window, role.Text: tokens.text, role.Button: tokens.button,
        role.ButtonText: tokens.text, role.ToolTipBase: tokens.raised, role.ToolTipText: tokens.text,
        role.PlaceholderText: tokens.text_3, role.Highlight: tokens.selected, role.HighlightedText: tokens.text,
        role.Link: tokens.accent, role.LinkVisited: tokens.accent, role.Accent: tokens.accent,
        role.Mid: tokens.line, role.Midlight: tokens.grid, role.Dark: tokens.edge, role.Light: tokens.raised,
    }  # fmt: skip
    palette = QPalette()
    for name, colour in colours.items():
        palette.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, QColor(tokens.text_3))
    return palette


def icon(name: str, colour: str) -> QIcon:
    """A Phosphor icon (`hand`, `key`, …) in one colour; `dot` is a small filled circle."""
    drawn, scale = ("circle-fill", _DOT_SCALE) if name == "dot" else (name, 1.0)
    result: QIcon = qtawesome.icon(f"ph.{drawn}", color=colour, scale_factor=scale)
    return result
