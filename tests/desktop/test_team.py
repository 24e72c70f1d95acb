"""The team in the windows, with a real PostgreSQL: joining and leaving, and a lead who answers for others."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from app.core.caps import Action, Answer, Cap
from app.core.money import NANO_PER_USD
from app.core.reservations import ReservationState
from app.core.tags import Scope
from app.core.team import Asked, Ended
from app.core.windows import Window as CapWindow
from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.models.approval_view import shown_groups, waiting_groups
from app.desktop.models.snapshot import Snapshot
from app.desktop.models.team_reading import TeamAlerts, TeamReading
from app.desktop.models.tray_words import tooltip_words, waiting_line
from app.desktop.pages.approvals import ApprovalsPage
from app.desktop.pages.cap_editor import CapEditor
from app.desktop.pages.caps import CapListRow, CapsPage
from app.desktop.pages.team_section import JoinDialog, TeamSection
from app.desktop.popover import Popover
from app.desktop.reading import read_snapshot
from app.desktop.tasks import Tasks
from app.desktop.team_watch import TeamWatch
from app.desktop.theme import ThemeSwitch
from app.desktop.widgets.text import Text
from app.desktop.window import Window
from app.keys.team_password import TEAM_ENTRY
from app.keys.vault import FixedVault
from app.ledger import cap_store
from app.ledger.approval_store import Approval, ApprovalState
from app.ledger.cap_store import add_cap
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.meter_state import Meter
from app.ledger.session_store import list_stopped_sessions
from app.ledger.team.ledger import TeamLedger
from app.services.settings import change_settings, load_settings
from app.services.told import Told
from tests import postgres
from tests.desktop.conftest import ZONE
from tests.ledger.bookkeeping import make_call, make_draft
from tests.ledger.team.conftest import Site, make_site

METER = Meter("m", 1, "http://127.0.0.1:1", "http://127.0.0.1:2", datetime.now(UTC), is_alive=True)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    if postgres.tools() is None:
        pytest.skip("PostgreSQL is not installed (Debian's package: postgresql)")
    cluster = postgres.Cluster()
    try:
        yield make_site(cluster)
    finally:
        cluster.close()


@pytest.fixture
def database(site: Site) -> Iterator[str]:
    made = site.copy_team()
    yield made
    site.drop(made)


@pytest.fixture
def ann(site: Site, database: str) -> Iterator[TeamLedger]:
    opened = site.open("ann", database, listens=False)
    yield opened
    opened.close()


@pytest.fixture
def joined(site: Site, database: str, vault: FixedVault, tmp_path: Path) -> None:
    """This machine is a lead's."""
    vault.set(TEAM_ENTRY, site.passwords["lee"])
    change_settings(tmp_path / "settings.json", team_url=site.cluster.url("lee", database), team_name="payments")
    lead = site.open("lee", database, listens=False)
    lead.set_cap(Cap(new_id(), Scope.EVERYTHING, "", CapWindow.TOTAL, NANO_PER_USD, Action.PAUSE))
    lead.close()


def ask(ann: TeamLedger) -> str:
    draft = make_draft(2 * NANO_PER_USD, agent="Claude Code", project="billing-api", session="s-9")
    (verdict,) = ann.reserve([Asked(draft, "m")])
    return ann.ask(draft, verdict.obstacles[0], "m", 600)


def test_joining_and_leaving_in_the_settings(
    qtbot: QtBot, window: Window, site: Site, database: str, vault: FixedVault, tmp_path: Path
) -> None:
    window.open_page("Settings")
    section = window.settings.findChild(TeamSection)
    assert section is not None
    QTest.mouseClick(section.join_button, Qt.MouseButton.LeftButton)
    dialog = section.findChild(JoinDialog)
    assert dialog is not None
    dialog.url.setText(site.cluster.url("bob", database))
    dialog.password.setText("wrong")
    QTest.mouseClick(dialog.join_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.error.text != "" and dialog.join_button.isEnabled())
    dialog.password.setText(site.passwords["bob"])
    with qtbot.waitSignal(window.settings.changed):
        QTest.mouseClick(dialog.join_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: section.words.text() == "payments: you are bob, a member.")
    kept = vault.get(TEAM_ENTRY)
    assert kept not in (None, site.passwords["bob"])
    assert load_settings(tmp_path / "settings.json").team_name == "payments"
    site.passwords["bob"] = str(kept)
    section.lease.setText("2.50")
    with qtbot.waitSignal(window.settings.changed):
        QTest.keyClick(section.lease, Qt.Key.Key_Return)
    assert load_settings(tmp_path / "settings.json").team_lease == "2.50"
    with qtbot.waitSignal(window.settings.changed):
        QTest.mouseClick(section.leave_button, Qt.MouseButton.LeftButton)
    assert load_settings(tmp_path / "settings.json").team_url == ""
    assert section.join_button.isVisible()
    assert vault.get(TEAM_ENTRY) is None


@pytest.mark.parametrize("answer", list(Answer))
def test_a_lead_answers_a_call_of_the_team_in_the_popover(
    qtbot: QtBot, joined: None, ann: TeamLedger, commands: Commands, tasks: Tasks, theme: ThemeSwitch, ledger: Ledger,
    vault: FixedVault, tmp_path: Path, answer: Answer,
) -> None:  # fmt: skip
    question = ask(ann)
    popover, watch = Popover(commands), TeamWatch(tmp_path / "settings.json", vault)
    snapshot = read_snapshot(ledger, datetime.now(UTC), ZONE)
    seen: list[tuple[Approval, ...]] = []

    def show(reading: TeamReading) -> None:
        seen.append(reading.to_answer)
        popover.show_snapshot(replace(snapshot, waiting=reading.to_answer))

    watch.read.connect(show)
    watch.start()
    popover.show()
    try:
        qtbot.waitUntil(lambda: len(popover.bands()) == 1)
        (group,) = waiting_groups(replace(snapshot, waiting=seen[-1]))
        assert group.agent == "ann: Claude Code"
        answers = popover.bands()[0].answers
        chosen = answers.approve_button if answer is Answer.APPROVE else answers.refuse_button
        qtbot.waitUntil(lambda: chosen.is_armed)
        QTest.mouseClick(chosen, Qt.MouseButton.LeftButton)
        state = ApprovalState.APPROVED if answer is Answer.APPROVE else ApprovalState.REFUSED
        qtbot.waitUntil(lambda: ann.states([question])[question] is state)
        qtbot.waitUntil(lambda: popover.bands() == [])
    finally:
        watch.stop()
        tasks.stop()
        destroy(popover)


@pytest.fixture
def caps_page(
    commands: Commands, tasks: Tasks, theme: ThemeSwitch, ledger: Ledger, vault: FixedVault, tmp_path: Path
) -> Iterator[Callable[[], CapsPage]]:
    """The page of the caps and the thread that reads the team's, begun when they are asked for."""
    watch = TeamWatch(tmp_path / "settings.json", vault)
    page = CapsPage(commands)

    def show(reading: TeamReading) -> None:
        page.show_snapshot(replace(read_snapshot(ledger, datetime.now(UTC), ZONE), team=reading))

    def begin() -> CapsPage:
        watch.read.connect(show)
        watch.start()
        page.show()
        return page

    yield begin
    watch.stop()
    tasks.stop()
    destroy(page)


def sit_down(site: Site, database: str, vault: FixedVault, folder: Path, who: str) -> None:
    """This machine is theirs."""
    vault.set(TEAM_ENTRY, site.passwords[who])
    change_settings(folder / "settings.json", team_url=site.cluster.url(who, database), team_name="payments")


def set_team_cap(site: Site, database: str, limit_usd: int = 10) -> Cap:
    cap = Cap(new_id(), Scope.EVERYTHING, "", CapWindow.MONTH, limit_usd * NANO_PER_USD, Action.PAUSE)
    lead = site.open("lee", database, listens=False)
    lead.set_cap(cap)
    lead.close()
    return cap


def teams_rows(page: CapsPage) -> list[CapListRow]:
    return [row for row in page.rows() if row.view.team]


def open_editor(page: CapsPage) -> CapEditor:
    assert page.editor is not None
    return page.editor


def test_a_member_sees_the_teams_caps_beside_the_own_ones_and_changes_none(
    qtbot: QtBot, site: Site, database: str, ann: TeamLedger, vault: FixedVault, ledger: Ledger, tmp_path: Path,
    caps_page: Callable[[], CapsPage],
) -> None:  # fmt: skip
    cap = set_team_cap(site, database)
    add_cap(
        ledger, scope=Scope.EVERYTHING, scope_key="", window=CapWindow.DAY, limit_nano_usd=NANO_PER_USD, time_zone="UTC"
    )
    ann.reserve([Asked(make_draft(4 * NANO_PER_USD), "m")])
    sit_down(site, database, vault, tmp_path, "bob")
    page = caps_page()
    qtbot.waitUntil(lambda: len(teams_rows(page)) == 1 and len(page.rows()) == 2)
    (row,) = teams_rows(page)
    assert (row.view.status.held_nano_usd, row.view.status.limit_nano_usd) == (4 * NANO_PER_USD, 10 * NANO_PER_USD)
    assert "A lead of team payments sets" in row.toolTip()
    assert not any(made.isVisible() for made in row.findChildren(QPushButton))
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Delete):
        QTest.keyClick(row, key)
    assert page.findChild(CapEditor) is None
    page.create_new()
    editor = page.findChild(CapEditor)
    assert editor is not None
    assert editor.whose.count() == 1
    editor.reject()
    assert [one.cap_id for one in ann.caps()] == [cap.cap_id]


def test_a_lead_adds_edits_raises_and_removes_the_teams_caps(
    qtbot: QtBot, site: Site, database: str, ann: TeamLedger, vault: FixedVault, ledger: Ledger, tmp_path: Path,
    caps_page: Callable[[], CapsPage],
) -> None:  # fmt: skip
    sit_down(site, database, vault, tmp_path, "lee")
    page = caps_page()
    qtbot.waitUntil(lambda: page._snapshot is not None and page._snapshot.team.is_led)
    page.create_new()
    editor = open_editor(page)
    editor.whose.setCurrentIndex(1)
    assert editor.whose.currentText() == "Team payments"
    assert not editor.preview.isVisible()
    editor.limit.setText("5")
    editor.save()
    qtbot.waitUntil(lambda: len(teams_rows(page)) == 1 and not editor.isVisible())
    assert cap_store.list_caps(ledger) == []
    ann.reserve([Asked(make_draft(NANO_PER_USD), "m")])

    QTest.keyClick(teams_rows(page)[0], Qt.Key.Key_Return)
    editor = open_editor(page)
    assert editor.windowTitle() == "Edit cap of team payments"
    editor.limit.setText("8")
    editor.save()
    qtbot.waitUntil(lambda: [cap.limit_nano_usd for cap in ann.caps()] == [8 * NANO_PER_USD])
    qtbot.waitUntil(lambda: teams_rows(page)[0].view.status.held_nano_usd == NANO_PER_USD)

    page.raise_cap(teams_rows(page)[0].view)
    raiser = page.raiser
    assert raiser is not None
    raiser.form.amount.setText("12")
    raiser.form.submit()
    qtbot.waitUntil(lambda: [one.limit_nano_usd for one in ann.totals()] == [12 * NANO_PER_USD])
    qtbot.waitUntil(lambda: not raiser.isVisible())

    QTest.keyClick(teams_rows(page)[0], Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: page.undo.isVisible() and ann.caps() == [])
    QTest.mouseClick(page.undo.undo_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(ann.caps()) == 1)


def test_what_the_server_refuses_is_told_where_it_was_asked(
    qtbot: QtBot, site: Site, database: str, vault: FixedVault, tmp_path: Path, caps_page: Callable[[], CapsPage]
) -> None:
    set_team_cap(site, database)
    sit_down(site, database, vault, tmp_path, "lee")
    page = caps_page()
    qtbot.waitUntil(lambda: len(teams_rows(page)) == 1)
    page.create_new()
    editor = open_editor(page)
    editor.whose.setCurrentIndex(1)
    editor.limit.setText("5")
    editor.save()
    qtbot.waitUntil(lambda: editor.error.text != "")
    assert editor.isVisible()


def test_while_the_team_is_away_its_caps_stand_as_they_were(
    qtbot: QtBot, site: Site, database: str, vault: FixedVault, tmp_path: Path, caps_page: Callable[[], CapsPage]
) -> None:
    set_team_cap(site, database)
    sit_down(site, database, vault, tmp_path, "bob")
    page = caps_page()
    qtbot.waitUntil(lambda: len(teams_rows(page)) == 1 and not teams_rows(page)[0].view.is_old)
    site.drop(database)
    try:
        qtbot.waitUntil(lambda: len(teams_rows(page)) == 1 and teams_rows(page)[0].view.is_old)
        assert teams_rows(page)[0].view.page_pace.startswith("As it was ")
        told = " ".join(words.text() for words in page.findChildren(Text))
        assert "Team payments cannot be reached. Its caps are shown as they were." in told
    finally:
        with site.cluster.connect() as connection:
            connection.execute(f"CREATE DATABASE {database}")


def spend(member: TeamLedger, nano_usd: int) -> None:
    draft = make_draft(nano_usd)
    member.reserve([Asked(draft, "m")])
    call = make_call(draft, nano_usd)
    member.settle([Ended(call, nano_usd, ReservationState.POSTED)])


def test_an_alert_of_a_teams_cap_is_told_once_on_a_laptop_that_was_there(
    qtbot: QtBot, site: Site, database: str, ann: TeamLedger, vault: FixedVault, tmp_path: Path
) -> None:
    set_team_cap(site, database)
    spend(ann, 8 * NANO_PER_USD)
    sit_down(site, database, vault, tmp_path, "bob")
    told: list[TeamAlerts] = []

    def watching(known: Told = Told()) -> TeamWatch:  # noqa: B008 - it is frozen
        made = TeamWatch(tmp_path / "settings.json", vault, known)
        made.alerted.connect(told.append)
        made.start()
        return made

    newcomer = watching()
    qtbot.waitUntil(lambda: len(told) == 1)
    assert told[0].alerts == ()
    lead = site.open("lee", database, listens=False)
    lead.set_cap(Cap(new_id(), Scope.EVERYTHING, "", CapWindow.TOTAL, 10 * NANO_PER_USD, alert_percents=(90, 100)))
    lead.close()
    spend(ann, 3 * NANO_PER_USD)
    qtbot.waitUntil(lambda: len(told) == 2)
    newcomer.stop()
    assert [alert.percent for alert in told[1].alerts] == [90, 100]
    assert told[1].team == "payments"

    again = watching(Told(team_url=told[1].url, team_alert_id=told[0].until))
    qtbot.waitUntil(lambda: len(told) == 3)
    again.stop()
    assert told[2] == told[1]

    seen: list[TeamReading] = []
    third = TeamWatch(tmp_path / "settings.json", vault, Told(team_url=told[1].url, team_alert_id=told[1].until))
    third.read.connect(seen.append)
    third.alerted.connect(told.append)
    third.start()
    qtbot.waitUntil(lambda: bool(seen))
    third.stop()
    assert len(told) == 3


def test_a_members_own_call_is_seen_to_wait_for_a_lead_and_cannot_be_answered(
    qtbot: QtBot, site: Site, database: str, ann: TeamLedger, commands: Commands, tasks: Tasks, theme: ThemeSwitch,
    ledger: Ledger, vault: FixedVault, tmp_path: Path,
) -> None:  # fmt: skip
    set_team_cap(site, database, 1)
    ask(ann)
    sit_down(site, database, vault, tmp_path, "ann")
    popover, page, watch = Popover(commands), ApprovalsPage(commands), TeamWatch(tmp_path / "settings.json", vault)
    snapshot = read_snapshot(ledger, datetime.now(UTC), ZONE)
    seen: list[Snapshot] = []

    def show(reading: TeamReading) -> None:
        seen.append(replace(snapshot, waiting=reading.to_answer, team=reading))
        for view in (popover, page):
            view.show_snapshot(seen[-1])

    watch.read.connect(show)
    watch.start()
    for view in (popover, page):
        view.show()
    try:
        qtbot.waitUntil(lambda: len(popover.bands()) == 1)
        assert seen[-1].waiting == ()
        (group,) = shown_groups(seen[-1])
        assert waiting_line(group) == "Claude Code waits for a lead of payments"
        assert tooltip_words(replace(seen[-1], meter=METER)) == "Bursar: 1 agent waits for a lead of payments."
        assert popover.bands()[0].accessibleName().startswith("Claude Code waits. Everything, this month")
        assert "A lead of payments answers. If nobody answers, its agent is told" in popover.bands()[0].accessibleName()
        assert page.detail is not None
        for answers in (popover.bands()[0].answers, page.detail.answers):
            unfit = (answers.approve_button, answers.raise_button, answers.refuse_button, answers.session_button)
            assert not any(made.isVisible() or made.isEnabled() for made in unfit)
            assert answers.stop_button.isVisible()
        QTest.keyClick(popover.bands()[0], Qt.Key.Key_A)
        stop = popover.bands()[0].answers.stop_button
        qtbot.waitUntil(lambda: stop.is_armed)
        QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: [one.session for one in list_stopped_sessions(ledger)] == ["s-9"])
        assert len(ann.waiting()) == 1
        lead = site.open("lee", database, listens=False)
        lead.answer(ann.waiting()[0].approval_id, Answer.REFUSE)
        lead.close()
        qtbot.waitUntil(lambda: popover.bands() == [])
    finally:
        watch.stop()
        tasks.stop()
        destroy(popover, page)
