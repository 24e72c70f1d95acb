"""The team in the windows, with a real PostgreSQL: joining and leaving, and a lead who answers for others."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.core.caps import Action, Answer, Cap
from app.core.money import NANO_PER_USD
from app.core.tags import Scope
from app.core.team import Asked
from app.core.windows import Window as CapWindow
from app.desktop.closing import destroy
from app.desktop.commands import Commands
from app.desktop.models.approval_view import waiting_groups
from app.desktop.pages.team_section import JoinDialog, TeamSection
from app.desktop.popover import Popover
from app.desktop.reading import read_snapshot
from app.desktop.tasks import Tasks
from app.desktop.team_watch import TeamWatch
from app.desktop.theme import ThemeSwitch
from app.desktop.window import Window
from app.keys.team_password import TEAM_ENTRY
from app.keys.vault import FixedVault
from app.ledger.approval_store import Approval, ApprovalState
from app.ledger.engine import Ledger
from app.ledger.identifiers import new_id
from app.ledger.team.ledger import TeamLedger
from app.services.settings import change_settings, load_settings
from tests import postgres
from tests.desktop.conftest import ZONE
from tests.ledger.bookkeeping import make_draft
from tests.ledger.team.conftest import Site, make_site


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

    def show(waiting: tuple[Approval, ...]) -> None:
        seen.append(waiting)
        popover.show_snapshot(replace(snapshot, waiting=waiting))

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
