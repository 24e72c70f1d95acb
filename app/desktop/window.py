"""The main window: a sidebar and the pages."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from PySide6.QtCore import QByteArray, QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout

from app.core.errors import AppError
from app.core.session import SessionId
from app.core.tags import Scope
from app.desktop.announcing import Tone, announce, news
from app.desktop.commands import Commands
from app.desktop.models.columns import Clock
from app.desktop.models.snapshot import Snapshot
from app.desktop.no_tray import NoTray
from app.desktop.pages.approvals import ApprovalsPage
from app.desktop.pages.caps import CapsPage
from app.desktop.pages.doctor import DoctorPage
from app.desktop.pages.key_list import KeyListDialog
from app.desktop.pages.keys import KeysPage
from app.desktop.pages.overview import OverviewPage
from app.desktop.pages.page import MARGIN, Page
from app.desktop.pages.prices import PricesPage
from app.desktop.pages.review import ReviewPage
from app.desktop.pages.sessions import SessionsPage
from app.desktop.pages.settings import SettingsPage
from app.desktop.sidebar import Sidebar
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.ground import Ground, Hairline
from app.desktop.widgets.notice import Notice
from app.services.settings import Settings

SIZE = (1120, 740)
LEAST_SIZE = (920, 600)
_PAGES = [
    ("Overview", "chart-bar"),
    ("Sessions", "list-bullets"),
    ("Caps", "gauge"),
    ("Approvals", "hand-palm"),
    ("Keys", "key"),
    ("Review", "notebook"),
    ("Prices", "tag"),
    ("Settings", "sliders-horizontal"),
    ("Doctor", "heartbeat"),
]


class Window(QMainWindow):
    """`refreshed` asks for a reading, `retried` for another start of the meter. `state` keeps size, place and page."""

    refreshed = Signal()
    retried = Signal()

    def __init__(self, commands: Commands, settings: Settings, zone: ZoneInfo, clock: Clock, state: QSettings) -> None:
        super().__init__()
        self.setWindowTitle("Bursar")
        self.setMinimumSize(*LEAST_SIZE)
        self._commands, self._state = commands, state
        self.key_list: KeyListDialog | None = None
        self._snapshot: Snapshot | None = None
        self.overview, self.caps = OverviewPage(commands, clock), CapsPage(commands)
        self.sessions = SessionsPage(commands, clock, state)
        self.approvals, self.keys = ApprovalsPage(commands), KeysPage(commands, zone)
        self.prices = PricesPage(commands, Clock(datetime.now(UTC), zone))
        self.review = ReviewPage(commands)
        self.settings = SettingsPage(commands, settings)
        self.doctor = DoctorPage(commands, Clock(datetime.now(UTC), zone))
        self.pages: dict[str, Page] = dict(
            zip(
                (name for name, _ in _PAGES),
                (
                    *(self.overview, self.sessions, self.caps, self.approvals, self.keys),
                    *(self.review, self.prices, self.settings, self.doctor),
                ),
                strict=True,
            )
        )
        self.sidebar = Sidebar(_PAGES, gap_before="Settings")
        self.sidebar.chosen.connect(self.open_page)
        self.trouble = Notice({"Start again": self.retried.emit, "Open Doctor": lambda: self.open_page("Doctor")})
        self._failure = ErrorLine()
        self.no_tray = NoTray(commands, self._failure, self)
        self._failure.offer({"Try again": self.refreshed.emit, "Open Doctor": lambda: self.open_page("Doctor")})
        self._stack = QStackedWidget()
        self._lay_out()
        self._wire_pages()
        self._make_shortcuts()
        self.open_page("Overview")
        self._stack.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._stack.setFocus()
        self._restore()

    def open_page(self, name: str) -> None:
        """Show a page."""
        self._stack.setCurrentWidget(self.pages[name])
        self.sidebar.mark(name)
        if self._snapshot is not None:
            self.pages[name].show_snapshot(self._snapshot)

    def open_session(self, one: SessionId) -> None:
        """Show the calls of a session."""
        self.open_page("Sessions")
        self.sessions.show_session(one)

    def open_sessions(self, labels: Iterable[tuple[Scope, str]]) -> None:
        """Show the sessions that have these labels."""
        self.open_page("Sessions")
        self.sessions.show_filtered(labels)

    @property
    def page_name(self) -> str:
        """The page that is open."""
        return next(name for name, page in self.pages.items() if page is self._stack.currentWidget())

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Render this reading: the sidebar and the open page; the others when they are opened."""
        for words in news(self._snapshot, snapshot):
            announce(self, words, Tone.ASSERTIVE)
        self._snapshot = snapshot
        self._failure.clear()
        self.sidebar.show_snapshot(snapshot)
        self.pages[self.page_name].show_snapshot(snapshot)
        if snapshot.trouble:
            self.trouble.tell(f"The meter is not running. {snapshot.trouble}")
        else:
            self.trouble.hide()

    def show_failure(self, error: AppError) -> None:
        """Say that the ledger could not be read; the old data stays."""
        self._failure.tell(error)

    def show_keys(self) -> None:
        """Show what each key does."""
        self.key_list = KeyListDialog(self)
        self.key_list.open()

    def bring_up(self) -> None:
        """Show it in front."""
        self.show()
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Remember size, place and page."""
        self._state.setValue("geometry", self.saveGeometry())
        self._state.setValue("page", self.page_name)
        super().closeEvent(event)

    def _restore(self) -> None:
        self.resize(*SIZE)
        geometry = self._state.value("geometry")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        page = self._state.value("page")
        if page in self.pages:
            self.open_page(str(page))

    def _lay_out(self) -> None:
        for page in self.pages.values():
            self._stack.addWidget(page)
        ground = Ground("content")
        failure = QVBoxLayout()
        failure.setContentsMargins(MARGIN, 0, MARGIN, 0)
        failure.addWidget(self._failure)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.no_tray)
        right.addWidget(self.trouble)
        right.addLayout(failure)
        right.addWidget(self._stack, 1)
        row = QHBoxLayout(ground)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.sidebar)
        row.addWidget(Hairline(is_upright=True))
        row.addLayout(right, 1)
        self.setCentralWidget(ground)

    def _wire_pages(self) -> None:
        """What one page asks of another."""
        self.doctor.opened.connect(self.open_page)
        self.doctor.meter_wanted.connect(self.retried)
        self.review.opened.connect(self.open_sessions)
        self.approvals.session_asked.connect(self.open_session)
        self.overview.filter_asked.connect(lambda by, label: self.open_sessions([(by, label)]))

    def _make_shortcuts(self) -> None:
        for number, (name, _icon) in enumerate(_PAGES, start=1):
            QShortcut(QKeySequence(f"Ctrl+{number}"), self, lambda name=name: self.open_page(name))
        QShortcut(QKeySequence("Ctrl+,"), self, lambda: self.open_page("Settings"))
        QShortcut(QKeySequence("Ctrl+N"), self, self._create_new)
        QShortcut(QKeySequence("Ctrl+Shift+P"), self, self._toggle_pause)
        ask = QShortcut(QKeySequence("?"), self, self.show_keys)
        ask.setKeys([QKeySequence("?"), QKeySequence("Shift+?")])  # keyboards differ in where it is
        for keys in ("F5", "Ctrl+R"):
            QShortcut(QKeySequence(keys), self, self.refreshed.emit)

    def _toggle_pause(self) -> None:
        if self._snapshot is not None:
            self._commands.set_paused(not self._snapshot.is_paused, self._failure.tell)

    def _create_new(self) -> None:
        self.pages[self.page_name].create_new()
