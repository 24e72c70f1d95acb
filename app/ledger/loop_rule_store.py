"""How strictly each kind of loop is dealt with: what a person set, for a project or everywhere."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.core.loops import DEFAULT_LEVELS, LoopKind, LoopLevel, LoopRules
from app.core.tags import clean_label
from app.ledger.engine import Ledger
from app.ledger.loop_tables import loop_rules
from app.ledger.statement import Statement

_R = loop_rules.c
_IN_FORCE = Statement(select(loop_rules).where(_R.project.in_(("", bindparam("of_project")))).order_by(_R.project))


@dataclass(frozen=True, slots=True)
class LoopRule:
    """One level that a person set. An empty project is every project without one of its own."""

    project: str
    kind: LoopKind
    level: LoopLevel


def rules_of(connection: Connection, project: str) -> LoopRules:
    """What holds in a project: its own rules, else those for everywhere, else the defaults."""
    levels = dict(DEFAULT_LEVELS)
    for row in _IN_FORCE.rows(connection, {"of_project": project}):
        levels[LoopKind(row.kind)] = LoopLevel(row.level)
    return LoopRules(levels)


def list_rules(ledger: Ledger) -> list[LoopRule]:
    """All levels that a person set, those for everywhere first."""
    with ledger.read() as connection:
        rows = connection.execute(select(loop_rules).order_by(_R.project, _R.kind)).all()
    return [LoopRule(row.project, LoopKind(row.kind), LoopLevel(row.level)) for row in rows]


def set_rules(ledger: Ledger, project: str, levels: dict[LoopKind, LoopLevel]) -> None:
    """Set levels for a project, or for everywhere. What was found before stands as it is until it goes on."""
    name = clean_label(project)  # as the labels are that it is compared with
    with ledger.write() as connection:
        for kind, level in levels.items():
            chosen = upsert(loop_rules).values(project=name, kind=kind, level=level)
            connection.execute(
                chosen.on_conflict_do_update(index_elements=["project", "kind"], set_={"level": chosen.excluded.level})
            )


def forget_rules(ledger: Ledger, project: str) -> int:
    """Take away all levels of a project, or those for everywhere. Returns how many there were."""
    with ledger.write() as connection:
        return connection.execute(delete(loop_rules).where(_R.project == clean_label(project))).rowcount
