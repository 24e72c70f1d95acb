"""No text of anybody's becomes a part of a statement (threat T19): statements are built of columns and bound values,
and the few that are written out hold nothing that is not written here too."""

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "app" / "ledger"
RAW = {"text", "exec_driver_sql", "literal_column", "execute", "executescript"}
WRITTEN_OUT = {
    ("engine.py", 'f"PRAGMA {pragma}"'),
    ("engine.py", 'f"PRAGMA cache_size = {-_CACHE_KIB}"'),
    ("engine.py", "beginning"),
    ("foreign.py", 'f"SELECT {names} FROM {_quoted(table)}"'),
    ("export_schema.py", "statement"),
    ("migrations.py", "statement"),
    ("migrations.py", "f'PRAGMA user_version = {number}'"),
    ("migrations.py", "f'SET LOCAL ROLE {role}'"),
    ("connecting.py", "f'LISTEN {CHANNEL}'"),
    ("connecting.py", "f'SELECT bursar.{function}({places})'"),
    ("connecting.py", "f'SELECT bursar.{function}(%s)'"),
    ("connecting.py", "statement.as_string()"),
    ("administration.py", "statement"),
    ("administration.py", "ended"),
}
"""Of the schema, of the connection and of another program's database: constants of the program, a number that it counts
itself, and names that it or psycopg quotes."""


def raw_statements(tree: ast.AST) -> list[ast.expr]:
    """What is given as text to be run: everything but what SQLAlchemy builds."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            is_built = name == "execute" and not isinstance(node.args[0], ast.JoinedStr | ast.Constant | ast.BinOp)
            if name in RAW and not is_built and not isinstance(node.args[0], ast.Constant):
                found.append(node.args[0])
    return found


@pytest.mark.parametrize("file", sorted(FOLDER.rglob("*.py")), ids=lambda file: file.name)
def test_statements_are_never_put_together_from_texts(file: Path) -> None:
    written = {(name, ast.unparse(ast.parse(text).body[0])) for name, text in WRITTEN_OUT}
    for statement in raw_statements(ast.parse(file.read_text("utf-8"))):
        assert (file.name, ast.unparse(statement)) in written, f"line {statement.lineno}"


def test_the_check_sees_what_it_looks_for() -> None:
    for source in (
        'c.execute(f"DELETE {x}")',
        "c.executescript(x)",
        'text("a" + x)',
        'c.exec_driver_sql(f"{x}")',
        "literal_column(x)",
    ):
        assert len(raw_statements(ast.parse(source))) == 1
    assert raw_statements(ast.parse('c.execute(select(calls)); text("a"); c.execute("PRAGMA x")')) == []
