import ast
from pathlib import Path

from tests.faults.ledger.catalogue import FAULTS

TESTS = Path(__file__).parents[2]


def test_each_fault_is_tried_by_a_test_that_is_there() -> None:
    for fault in FAULTS:
        assert fault.tests
        for named in fault.tests:
            file, _, name = named.partition("::")
            tree = ast.parse((TESTS / file).read_text("utf-8"))
            assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, named


def test_no_two_cells_are_the_same() -> None:
    cells = [(fault.fault, fault.phase) for fault in FAULTS]
    assert len(cells) == len(set(cells))
