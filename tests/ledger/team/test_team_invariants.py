"""Random histories on a team's ledger: the machine of a laptop's, with the same model beside it."""

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ledger.history import LedgerHistory
from tests.ledger.team.conftest import Site, Team
from tests.ledger.team.team_books import TeamBooks


def play(site: Site, database: str, examples: int) -> None:
    class TeamHistory(LedgerHistory):
        def __init__(self) -> None:
            super().__init__(lambda now: TeamBooks(site, database, now))

    run_state_machine_as_test(TeamHistory, settings=settings(max_examples=examples, stateful_step_count=30))


def test_any_history_keeps_a_teams_ledger_true(team: Team) -> None:
    play(team.site, team.database, 10)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_many_histories_keep_a_teams_ledger_true(team: Team) -> None:
    play(team.site, team.database, 400)
