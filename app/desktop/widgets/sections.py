"""The sections that only show: figures, trouble, what runs, the tightest caps, and what to do before the first call."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.core.money import UNKNOWN
from app.core.session import SessionOrder
from app.desktop.fonts import MEDIUM, SEMIBOLD, Size
from app.desktop.formats import plural, rate, sum_text
from app.desktop.models.cap_view import cap_views
from app.desktop.models.session_view import ORDERED
from app.desktop.models.snapshot import Snapshot, agent_word
from app.desktop.widgets.bars import Sparkline
from app.desktop.widgets.buttons import IconButton, button
from app.desktop.widgets.cap_row import CapRow
from app.desktop.widgets.cold_line import ColdLine
from app.desktop.widgets.command_line import CommandLine
from app.desktop.widgets.ground import Ground
from app.desktop.widgets.text import ElidedText, Figure, Text
from app.ledger.cap_store import Level
from app.ledger.spend import SessionSpend

MARGIN = 16
MOST_ROWS = 3
_STOP_WIDTH, _BETWEEN_CAPS = 26, 2
_MOST_FIGURE_CHARACTERS = 26
FIRST_COMMAND = "bursar run -- claude"


def figures_section(snapshot: Snapshot) -> QWidget:
    """Today, this month, now; dimmed when they are old."""
    is_old = bool(snapshot.trouble) or snapshot.is_empty
    ink = "text_3" if is_old else "text"
    box, row = _box(QHBoxLayout())
    today = Figure("Today", size=Size.FIGURE)
    month = Figure("This month", size=Size.SECTION, is_right=True)
    now = Figure("Now", size=Size.SECTION, is_right=True)
    today.show_amount(sum_text(snapshot.today.cost_nano_usd, snapshot.today.unpriced_calls), ink=ink)
    month.show_amount(sum_text(snapshot.month.cost_nano_usd, snapshot.month.unpriced_calls), ink=ink)
    as_of = f"As of {snapshot.read_at.astimezone(snapshot.zone):%H:%M}" if snapshot.trouble else ""
    now.show_amount(UNKNOWN if is_old else rate(snapshot.rate_nano_usd), ink=ink, caption=as_of)
    small = QHBoxLayout()
    small.setSpacing(20)
    small.addWidget(month)
    small.addWidget(now)
    is_long = sum(len(figure.amount) for figure in (today, month, now)) > _MOST_FIGURE_CHARACTERS
    if is_long:
        row.setDirection(QHBoxLayout.Direction.TopToBottom)
        small.addStretch(1)
        for figure in (month, now):
            figure.align(Qt.AlignmentFlag.AlignLeft)
    row.addWidget(today)
    row.addStretch(1)
    row.addLayout(small)
    return box


def trouble_section(snapshot: Snapshot, retry: Callable[[], None], open_doctor: Callable[[], None]) -> QWidget:
    """The red band: the meter does not run."""
    band = Ground("at_band")
    column = QVBoxLayout(band)
    column.setContentsMargins(MARGIN, 12, MARGIN, 12)
    column.setSpacing(8)
    column.addWidget(Text("The meter is not running", weight=SEMIBOLD))
    column.addWidget(Text(snapshot.trouble, wraps=True))
    again = button("Start again", retry, kind="primary", name="Start the meter again")
    row = QHBoxLayout()
    row.setSpacing(8)
    row.addWidget(again)
    row.addWidget(button("Open Doctor", open_doctor))
    row.addStretch(1)
    column.addLayout(row)
    return band


def ledger_section(title: str, words: str) -> QWidget:
    """The red band: nothing can be recorded, or soon cannot."""
    band = Ground("at_band")
    column = QVBoxLayout(band)
    column.setContentsMargins(MARGIN, 12, MARGIN, 12)
    column.setSpacing(8)
    column.addWidget(Text(title, weight=SEMIBOLD))
    column.addWidget(Text(words, wraps=True))
    return band


def running_section(snapshot: Snapshot, order: Callable[[str, SessionOrder], None]) -> QWidget:
    """The sessions that spent most in the last ten minutes, save those that wait: they are asked about above. `order`
    stops one, or lets it go on."""
    box, column = _box(QVBoxLayout())
    waiting = len({ask.tags.agent for ask in snapshot.held_back})
    agents = len({session.agent for session in snapshot.at_work})
    count = plural(agents, "agent") + (f", {waiting} paused" if waiting else "")
    column.addLayout(_section_head("Running", count))
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(6)
    grid.setColumnStretch(0, 1)
    for place, session in enumerate(snapshot.at_work[:MOST_ROWS]):
        _add_session(grid, 2 * place, session, _held_words(snapshot, session), order)
        if cold := next((one for one in snapshot.cold if one.session == session.session), None):
            grid.addWidget(ColdLine(cold, snapshot.read_at), 2 * place + 1, 0, 1, grid.columnCount())
    column.addLayout(grid)
    hidden = len(snapshot.at_work) - MOST_ROWS
    if hidden > 0:
        column.addWidget(Text(f"{hidden} more running", ink="text_3", size=Size.CAPTION))
    return box


def caps_section(snapshot: Snapshot, open_caps: Callable[[], None]) -> QWidget:
    """The tightest caps: three, or all that are near or at their limit."""
    box, column = _box(QVBoxLayout())
    views = cap_views(snapshot)
    if not views:
        column.addWidget(Text("No cap is set, so nothing is stopped for its cost.", ink="text_2", wraps=True))
        column.addWidget(button("Set a cap…", open_caps, kind="link"))
        return box
    column.addLayout(_section_head("Caps", ""))
    count = max(MOST_ROWS, sum(view.level is not Level.FINE for view in views))
    for view in views[:count]:
        column.addWidget(CapRow(view, is_dimmed=bool(snapshot.trouble)))
        column.addSpacing(_BETWEEN_CAPS)
    if len(views) > count:
        more = plural(len(views) - count, "more cap")
        column.addWidget(button(f"{more}, all fine", open_caps, kind="link"))
    return box


def empty_section() -> QWidget:
    """What to do before the first call."""
    box, column = _box(QVBoxLayout())
    column.setSpacing(8)
    column.addWidget(Text("No calls yet", size=Size.SECTION, weight=SEMIBOLD))
    said = "Start an agent through Bursar and its first call shows here within a second."
    column.addWidget(Text(said, ink="text_2", wraps=True))
    column.addWidget(CommandLine(FIRST_COMMAND, name="Command that starts an agent through Bursar"))
    return box


def _add_session(
    grid: QGridLayout, row: int, session: SessionSpend, held: str, order: Callable[[str, SessionOrder], None]
) -> None:
    who = QVBoxLayout()
    who.setSpacing(0)
    head = QHBoxLayout()
    head.setSpacing(8)
    head.addWidget(ElidedText(agent_word(session.agent), weight=MEDIUM))
    head.addWidget(ElidedText(session.project, ink="text_2"), 1)
    who.addLayout(head)
    who.addWidget(ElidedText(held or session.task or session.session, ink="text_3", size=Size.CAPTION))
    if held:
        grid.addLayout(who, row, 0, 1, 2)
    else:
        spark = Sparkline()
        spark.show_series(session.series)
        grid.addLayout(who, row, 0)
        grid.addWidget(spark, row, 1)
    cost = Text(sum_text(session.cost_nano_usd, session.unpriced_calls), weight=MEDIUM)
    cost.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    grid.addWidget(cost, row, 2)
    if session.session:
        words, sign = ("Let it go on", "play-circle") if held else ("Stop", "stop-circle")
        wanted = SessionOrder.GO_ON if held else SessionOrder.STOP
        name = ", ".join(part for part in (f"{words}: {agent_word(session.agent)}", session.task) if part)
        stop = IconButton("", sign, lambda: order(session.session, wanted), name=name)
        stop.setToolTip("Let this session go on" if held else "Stop this session: its next call is refused")
        stop.setFixedWidth(_STOP_WIDTH)
        grid.addWidget(stop, row, 3)


def _held_words(snapshot: Snapshot, session: SessionSpend) -> str:
    """What a person ordered for it; empty where it goes on."""
    if session.session in snapshot.stopped:
        return ORDERED[SessionOrder.STOP]
    return ORDERED[SessionOrder.PAUSE] if session.session in snapshot.paused else ""


def _section_head(title: str, note: str) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(Text(title, ink="text_2", size=Size.CAPTION, weight=MEDIUM))
    row.addStretch(1)
    row.addWidget(Text(note, ink="text_3", size=Size.CAPTION))
    return row


def _box[L: QHBoxLayout | QVBoxLayout](layout: L) -> tuple[QWidget, L]:
    box = QWidget()
    layout.setContentsMargins(MARGIN, 10, MARGIN, 10)
    layout.setSpacing(6)
    box.setLayout(layout)
    return box, layout
