"""Caps: one row a cap, tightest first, and an undo after a removal."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen, QShortcut
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from app.core.money import format_usd
from app.desktop.commands import Commands
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size, sized
from app.desktop.models.cap_view import CapView, all_cap_views
from app.desktop.models.raise_words import running_window
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.team_reading import NO_TEAM, TeamReading
from app.desktop.pages.cap_editor import CapEditor
from app.desktop.pages.page import MARGIN, Page
from app.desktop.pages.raise_dialog import RaiseDialog
from app.desktop.theme import tokens_of
from app.desktop.widgets.bars import LEVEL_INKS, CapBar
from app.desktop.widgets.buttons import button
from app.desktop.widgets.ground import Hairline, clear, scrolling, widgets_in
from app.desktop.widgets.text import ElidedText, Text, heading
from app.desktop.widgets.undo_bar import UndoBar

ROW_HEIGHT = 66
UNDO_FOR_MS = 10_000
_CAPTION = "Solid is spent, hatched is held by calls on their way, the notch is the alert level."


class CapsPage(Page):
    """All caps, the team's among them, with add, edit, raise and remove."""

    def __init__(self, commands: Commands) -> None:
        super().__init__("Caps")
        self._commands = commands
        self._snapshot: Snapshot | None = None
        self._shown: tuple[tuple[CapView, ...], str] | None = None
        self.editor: CapEditor | None = None
        self.raiser: RaiseDialog | None = None
        self.pause_button = button("Pause everything", self._toggle_pause)
        self.add_button = button("Add cap…", self.create_new, kind="primary")
        self.head.addWidget(self.pause_button)
        self.head.addWidget(self.add_button)
        self.undo = UndoBar(UNDO_FOR_MS)
        self._list = QVBoxLayout()
        self._list.setSpacing(0)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(MARGIN, 0, MARGIN, MARGIN)
        column.setSpacing(0)
        column.addLayout(self._list)
        column.addStretch(1)
        self.content.addWidget(scrolling(inner), 1)
        self.content.addWidget(self.undo)
        QShortcut(QKeySequence("Ctrl+Z"), self, self.undo.take_back)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading; the rows are made anew only when something about a cap changed."""
        self._snapshot = snapshot
        self.pause_button.setText("Resume everything" if snapshot.is_paused else "Pause everything")
        views, note = all_cap_views(snapshot), team_note(snapshot.team)
        if (views, note) == self._shown:
            return
        self._shown = (views, note)
        focused = [row.view.cap_id for row in self.rows() if row.hasFocus()]
        clear(self._list)
        amounts = max((_amount_width(view) for view in views), default=0)
        for view in views:
            row = CapListRow(view, self.edit, self.remove, self.raise_cap, amount_width=amounts)
            self._list.addWidget(row)
            if view.cap_id in focused:
                row.setFocus()
        self._list.addWidget(_legend() if views else self._empty())
        if note:
            self._list.addWidget(_caption(note, above=4 if views else 12))

    def rows(self) -> list["CapListRow"]:
        """The rows as they stand, tightest first."""
        return [widget for widget in widgets_in(self._list) if isinstance(widget, CapListRow)]

    def create_new(self) -> None:
        """Open the editor for a new cap."""
        self._open_editor(None)

    def edit(self, view: CapView) -> None:
        """Open the editor for this cap."""
        self._open_editor(view)

    def remove(self, view: CapView) -> None:
        """Take it away; it can be undone for ten seconds."""
        self.error.clear()

        def restore() -> None:
            self._commands.restore_cap(view.cap_id, self.error.tell, is_team=bool(view.team))

        def offer() -> None:
            self.undo.offer("Cap removed.", restore)

        self._commands.remove_cap(view.cap_id, self.error.tell, offer, is_team=bool(view.team))

    def raise_cap(self, view: CapView) -> None:
        """Ask how much more its running window may spend."""
        self.error.clear()
        self.raiser = RaiseDialog(running_window(view), self._commands, self)
        self.raiser.open()

    def _open_editor(self, view: CapView | None) -> None:
        self.error.clear()
        team = NO_TEAM if self._snapshot is None else self._snapshot.team
        self.editor = CapEditor(self._commands, view, self, team=team)
        if view is not None:
            self.editor.removed.connect(lambda: self.remove(view))
        self.editor.open()

    def _toggle_pause(self) -> None:
        if self._snapshot is not None:
            self.error.clear()
            self._commands.set_paused(not self._snapshot.is_paused, self.error.tell)

    def _empty(self) -> QWidget:
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, MARGIN, 0, 0)
        column.setSpacing(8)
        column.addWidget(heading("No caps"))
        column.addWidget(Text("Bursar meters and stops nothing for its cost.", ink="text_2"))
        column.addWidget(button("Add cap…", self.create_new, kind="primary"), 0, Qt.AlignmentFlag.AlignLeft)
        return box


def _amount_width(view: CapView) -> int:
    """Room for the amounts, so that the bars of all rows begin and end at the same place."""
    text = f"{format_usd(view.status.spent_nano_usd)} of {format_usd(view.status.limit_nano_usd)}"
    return QFontMetrics(sized(Size.BODY, SEMIBOLD)).horizontalAdvance(text) + 8


def team_note(team: TeamReading) -> str:
    """What is to be known of the team's caps below the list; empty where nothing is."""
    if team.is_away and team.read_at is None:
        return f"Team {team.name} cannot be reached. Its caps are shown when it can be."
    if team.is_away:
        return f"Team {team.name} cannot be reached. Its caps are shown as they were."
    return "" if team.is_led or not team.caps else f"A lead of team {team.name} sets the caps marked Team."


def _legend() -> Text:
    return _caption(_CAPTION, above=12)


def _caption(words: str, *, above: int) -> Text:
    made = Text(words, ink="text_3", size=Size.CAPTION, wraps=True)
    made.setContentsMargins(0, above, 0, 0)
    return made


type Order = Callable[[CapView], None]


class CapListRow(QWidget):
    """One cap over the whole width. Enter edits, Del removes; the menu offers these, and a raise. A locked one only
    shows how it stands."""

    def __init__(
        self, view: CapView, edit: Order, remove: Order, raise_cap: Order, *, amount_width: int
    ) -> None:  # fmt: skip
        super().__init__()
        self.view = view
        self._edit, self._remove, self._raise = edit, remove, raise_cap
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        whose = f"team {view.team}, " if view.team else ""
        self.setAccessibleName(f"{view.name}, {whose}{view.kind}. {view.page_pace}. {view.resets}")
        if view.is_locked:
            self.setToolTip(f"A lead of team {view.team} sets this cap")
        else:
            self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
            self.customContextMenuRequested.connect(lambda point: self._menu().popup(self.mapToGlobal(point)))
        grid = QGridLayout()
        grid.setContentsMargins(0, 12, 0, 12)
        grid.setHorizontalSpacing(MARGIN)
        grid.setVerticalSpacing(4)
        for part, (stretch, least) in enumerate(((5, 160), (9, 160), (0, amount_width), (0, 0))):
            grid.setColumnStretch(part, stretch)
            grid.setColumnMinimumWidth(part, least)
        self._fill(grid)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(grid)
        column.addWidget(Hairline("grid"))
        self.setFixedHeight(ROW_HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter edits, Del removes."""
        if self.view.is_locked:
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._edit(self.view)
        elif event.key() == Qt.Key.Key_Delete:
            self._remove(self.view)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """A ring around it while it has the focus."""
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(QPen(QColor(tokens_of(self).accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -2, -3))

    def _fill(self, grid: QGridLayout) -> None:
        status = self.view.status
        bar = CapBar()
        bar.show_view(self.view)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        amounts = QHBoxLayout()
        amounts.setSpacing(4)
        amounts.addStretch(1)
        amounts.addWidget(Text(format_usd(status.spent_nano_usd), weight=SEMIBOLD))
        amounts.addWidget(Text(f"of {format_usd(status.limit_nano_usd)}", ink="text_2"))
        grid.addLayout(_name_of(self.view), 0, 0)
        grid.addWidget(bar, 0, 1)
        grid.addLayout(amounts, 0, 2)
        grid.addWidget(ElidedText(self.view.kind, ink="text_2", size=Size.CAPTION), 1, 0)
        ink = "text_2" if self.view.is_old else LEVEL_INKS[self.view.level]
        pace = ElidedText(self.view.page_pace, ink=ink, size=Size.CAPTION)
        pace.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        grid.addWidget(pace, 1, 1)
        grid.addWidget(Text(self.view.resets, ink="text_2", size=Size.CAPTION), 1, 2, right)
        more = button("⋯", self._open_menu, kind="quiet", name=f"More about {self.view.name}")
        more.setToolTip("Edit, raise or remove")
        policy = more.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        more.setSizePolicy(policy)
        if self.view.is_locked:
            more.hide()  # only then: what has no parent yet would show as a window of its own
        self._more = more
        grid.addWidget(more, 0, 3, 2, 1)

    def _menu(self) -> QMenu:
        menu = QMenu(self)
        menu.addAction("Edit…", lambda: self._edit(self.view))
        if self.view.status.window_key:
            menu.addAction("Raise…", lambda: self._raise(self.view))
        menu.addAction("Remove", lambda: self._remove(self.view))
        return menu

    def _open_menu(self) -> None:
        self._menu().popup(self._more.mapToGlobal(self._more.rect().bottomLeft()))


def _name_of(view: CapView) -> QHBoxLayout:
    """Its name, and a quiet word where it is not one's own."""
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(ElidedText(view.name, weight=MEDIUM), 0 if view.team else 1)
    if view.team:
        row.addWidget(Text("Team", ink="text_3", size=Size.CAPTION))
        row.addStretch(1)
    return row
