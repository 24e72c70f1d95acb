"""Random histories on a laptop's ledger (tests/ledger/history.py)."""

from hypothesis import settings

from tests.ledger.history import LedgerHistory

LedgerHistory.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
test_any_history_keeps_the_ledger_true = LedgerHistory.TestCase
