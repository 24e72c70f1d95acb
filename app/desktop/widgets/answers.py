"""The answers to a waiting call: approve once or for its session, raise the cap in place, refuse, stop the session."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.core.errors import AppError
from app.core.money import format_usd
from app.core.session import SessionOrder
from app.desktop.commands import Commands
from app.desktop.formats import spoken_usd
from app.desktop.models.approval_view import WaitingGroup, all_words, up_to, wants_asking
from app.desktop.models.session_view import id_of
from app.desktop.widgets.buttons import GuardedButton, button
from app.desktop.widgets.error_line import ErrorLine
from app.desktop.widgets.raise_form import RaiseForm
from app.desktop.widgets.sure_form import SureForm
from app.desktop.widgets.text import Text
from app.ledger.approval_store import Approval

TOLD_FOR_MS = 2_000
_STOPPED = "Stopped. Its next call is refused"


class Answers(QWidget):
    """Buttons about one group of waiting calls; approving is for its oldest call or for all, refusing for all of them.
    What a lead of the team answers can only be stopped here, or looked at.

    Keys A, Shift+A, S, R and X answer while it, or the row that owns it, has the focus. `answered` is told when the
    ledger took it, `session_asked` asks to see the session.
    """

    answered = Signal()
    session_asked = Signal(object)

    def __init__(self, group: WaitingGroup, commands: Commands) -> None:
        super().__init__()
        self._group = group
        self._commands = commands
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        self.error = ErrorLine()
        self.form: RaiseForm | SureForm | None = None
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self._make_buttons()
        self._show_buttons()

    def update_group(self, group: WaitingGroup) -> None:
        """The same session with other calls: the buttons stay where they are."""
        if group.oldest.approval_id != self._group.oldest.approval_id:
            self._told.hide()
        self._group = group
        self._count_words()

    def approve(self) -> None:
        """Let the oldest call go."""
        call = self._group.oldest
        self._send(f"Approved, {up_to(call.worst_nano_usd)}" if call.is_about_cap else "Goes on")
        self._commands.approve(call, self._failed, self.answered.emit)

    def ask_all(self) -> None:
        """Let all that wait now go; many calls, or much money, are asked about once more."""
        if not wants_asking(self._group):
            self.approve_all(self._group)
            return
        group, most = self._group, self._group.most_nano_usd
        verb = f"Approve {len(group.calls):,} calls" if most is None else f"Approve up to {format_usd(most)}"
        form = SureForm(all_words(group), verb, lambda: self.approve_all(group), self._close_form)
        self._show_form(form)
        form.approve_button.setFocus()

    def approve_all(self, group: WaitingGroup) -> None:
        """Let these calls go: those that were told of, and none that came since."""
        self._close_form()
        self._send(f"Approved {len(group.calls):,} calls, {up_to(group.most_nano_usd)}")
        self._commands.approve_all(group.calls, self._failed, self.answered.emit)

    def approve_session(self) -> None:
        """Let the session's calls pass the cap until its window ends."""
        self._close_form()
        self._send("Approved for this session")
        self._commands.approve_session(self._group.oldest, self._failed, self.answered.emit)

    def stop_session(self) -> None:
        """Refuse this session's calls from now on."""
        self._send(_STOPPED)
        session = self._group.oldest.tags.session
        self._commands.order_session(session, SessionOrder.STOP, self._failed, self.answered.emit)

    def refuse(self) -> None:
        """Refuse every call of the group; in a loop, stop its session."""
        self._send(_STOPPED if self._stops else "Refused")
        self._commands.refuse(self._group.calls, self._failed, self.answered.emit)

    def open_raise(self) -> None:
        """Put the form for a new limit in the place of the buttons."""
        form = RaiseForm(self._group.oldest, self._commands, self._close_form)
        self._show_form(form)
        form.amount.setFocus()

    def open_session(self) -> None:
        """Ask whether the whole session is meant: nobody can say what it will come to."""
        passed = self._group.oldest.cap_name
        said = f"This session's calls then pass {passed} without asking, whatever they cost, until it resets."
        form = SureForm(said, "Approve session", self.approve_session, self._close_form)
        self._show_form(form)
        form.approve_button.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A approves, Shift+A all, S its session, R raises, X refuses, each under the guard of its button."""
        is_shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        keys = {
            Qt.Key.Key_A: self.all_button if is_shifted else self.approve_button,
            Qt.Key.Key_S: self.session_button,
            Qt.Key.Key_R: self.raise_button,
            Qt.Key.Key_X: self.refuse_button,
        }
        pressed = keys.get(Qt.Key(event.key())) if self.form is None else None
        if pressed is None:
            super().keyPressEvent(event)
        else:
            pressed.press()

    def _make_buttons(self) -> None:
        call = self._group.oldest
        who = f"{self._group.agent} in {call.tags.project}" if call.tags.project else self._group.agent
        most = "an unknown amount" if call.worst_nano_usd is None else f"up to {spoken_usd(call.worst_nano_usd)}"
        is_loop = call.is_about_loop
        self.approve_button = GuardedButton(
            "Approve once", self.approve, kind="" if is_loop else "primary",
            name=f"Approve once, {who}, {most}",
        )  # fmt: skip
        self.raise_button = GuardedButton("Raise cap…", self.open_raise, name=f"Raise {call.cap_name}")
        self.refuse_button = GuardedButton(
            "Refuse", self.refuse, kind="primary" if is_loop else "",
            name=f"Refuse, {who}",
        )  # fmt: skip
        self.session_button = GuardedButton(
            "Approve for this session…", self.open_session, kind="link", name=f"Approve for this session, {who}"
        )
        self.show_button = button(
            "Show", lambda: self.session_asked.emit(id_of(call.tags)), kind="link",
            name=f"Show the session, {who}",
        )  # fmt: skip
        self.show_button.setToolTip("Show the session in the window")
        self.stop_button = GuardedButton("Stop this session", self.stop_session, kind="link", name=f"Stop, {who}")
        self.all_button = GuardedButton("", self.ask_all, kind="link")
        self._who = who
        self._place_buttons(call)
        if is_loop:
            self._speak_of_loop(who)
        elif call.is_about_clock:
            self._rename({self.approve_button: "The clock is right"}, who)
        self._count_words()

    def _place_buttons(self, call: Approval) -> None:
        self._told = Text("", ink="text_2")
        self._told.hide()
        self._buttons = QWidget()
        column = QVBoxLayout(self._buttons)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        answers = (self.approve_button, self.raise_button, self.refuse_button)
        column.addLayout(_row(*(answers[::-1] if call.is_about_loop else answers)))
        column.addLayout(_row(self.session_button, self.stop_button, self.show_button))
        column.addLayout(_row(self.all_button))
        is_asked = not self._group.lead_of
        has_session = bool(call.tags.session)
        is_here = not call.is_team or not is_asked  # a session of somebody else in the team is on another laptop
        wanted = {
            self.approve_button: is_asked,
            self.raise_button: is_asked,
            self.refuse_button: is_asked,
            self.session_button: has_session and is_asked,
            self.stop_button: has_session and is_here,
            self.show_button: is_here,
        }
        for made, is_wanted in wanted.items():
            made.setEnabled(is_wanted)
            made.setVisible(is_wanted)

    def _count_words(self) -> None:
        """What the buttons are about as calls come and go; where there is one call, there is no all."""
        call, count = self._group.oldest, len(self._group.calls)
        is_many = count > 1 and call.is_about_cap and not self._group.lead_of
        self.all_button.setVisible(is_many)
        self.all_button.setEnabled(is_many)
        if not call.is_about_cap:
            return
        self.approve_button.setText("Approve next" if is_many else "Approve once")
        self.refuse_button.setText("Refuse all" if is_many else "Refuse")
        dots = "…" if wants_asking(self._group) else ""
        self.all_button.setText(f"Approve all {count:,}{dots}")
        self.all_button.setAccessibleName(f"Approve all {count:,}, {self._who}, {up_to(self._group.most_nano_usd)}")

    @property
    def _stops(self) -> bool:
        """Whether refusing stops the session."""
        return self._group.oldest.is_about_loop and bool(self._group.oldest.tags.session)

    def _speak_of_loop(self, who: str) -> None:
        """The same buttons about an agent in a loop: there is no cap to raise, and to refuse its call is to stop it,
        which comes first."""
        self._rename(
            {self.approve_button: "Let it go on", self.refuse_button: "Stop" if self._stops else "Refuse"}, who
        )

    def _rename(self, words: dict[GuardedButton, str], who: str) -> None:
        """Other words for the answers, where there is no cap to raise or to pass."""
        for made, word in words.items():
            made.setText(word)
            made.setAccessibleName(f"{word}, {who}")
        for unfit in (self.raise_button, self.session_button, self.stop_button):
            unfit.setEnabled(False)
            unfit.setVisible(False)

    def _show_buttons(self) -> None:
        for part in (self._buttons, self._told, self.error):
            self._column.addWidget(part)

    def _send(self, words: str) -> None:
        """Say what was answered for two seconds; the next snapshot takes the row away."""
        self.error.clear()
        self._buttons.setEnabled(False)
        self._told.setText(words)
        self._told.show()
        QTimer.singleShot(TOLD_FOR_MS, self, self._allow_again)

    def _allow_again(self) -> None:
        self._told.hide()
        self._buttons.setEnabled(True)

    def _failed(self, error: AppError) -> None:
        self._allow_again()
        self.error.tell(error)

    def _show_form(self, form: RaiseForm | SureForm) -> None:
        self.form = form
        self._buttons.hide()
        self._column.insertWidget(0, form)

    def _close_form(self) -> None:
        if self.form is not None:
            self.form.hide()
            self.form.deleteLater()
            self.form = None
            self._buttons.show()
            self.answered.emit()


def _row(*buttons: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for made in buttons:
        row.addWidget(made)
    row.addStretch(1)
    return row
