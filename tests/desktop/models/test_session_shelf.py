from datetime import UTC, datetime, timedelta

from app.core.origin import Origin, RequestClass
from app.core.session import PartSum, Session, SessionFilter, SessionId
from app.desktop.models.session_shelf import SessionShelf
from app.desktop.models.session_view import Activity, SessionState, session_rows
from app.ledger.session_list import SessionLook, SessionNews, SessionPage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MAIN, EXPLORE, TITLE = (
    Origin(),
    Origin(RequestClass.SUB_AGENT, "a1", "", "Explore"),
    Origin(RequestClass.TITLE),
)


def session(name: str, ago: int, *parts: PartSum) -> Session:
    at = NOW - timedelta(minutes=ago)
    return Session(SessionId(name, "Codex", "shop", f"task {name}"), parts or (PartSum(MAIN, at, 1),), at)


def look(
    *page: Session, reached: datetime | None = None, added: dict[SessionId, tuple[PartSum, ...]] | None = None,
    unknown: tuple[Session, ...] = (), on_way: dict[SessionId, datetime] | None = None,
) -> SessionLook:  # fmt: skip
    news = SessionNews(1, added or {}, frozenset(), on_way or {})
    return SessionLook(news, SessionPage(page, reached) if page else None, unknown)


def shown(shelf: SessionShelf, *, is_held: bool, activity: Activity = Activity(NOW)) -> tuple[str, int]:  # noqa: B008
    sessions, fresh = shelf.arrange(activity, is_held=is_held)
    return "".join(one.id.session for one in sessions), fresh


def test_the_order_stands_still_while_it_is_held() -> None:
    shelf = SessionShelf()
    a, b = session("a", 1), session("b", 5)
    shelf.put(look(a, b, reached=NOW - timedelta(minutes=5)))
    assert shown(shelf, is_held=True) == ("ab", 0)
    newer = PartSum(MAIN, NOW, 1)
    shelf.put(look(added={b.id: (newer,)}, unknown=(session("c", 0),)))
    assert shown(shelf, is_held=True) == ("ab", 1)
    found = shelf.session(b.id)
    assert found is not None
    assert found.whole.calls == 2, "what is shown is counted on"
    shelf.put(look(session("d", 30)))
    assert shown(shelf, is_held=True) == ("abd", 1), "older ones join at the end"
    assert shown(shelf, is_held=False) == ("bcad", 0)
    assert not shelf.has_more


def test_a_state_is_asked_for() -> None:
    running, waits, stopped, paused, over = (
        session(name, ago) for name, ago in zip("rwspo", (1, 2, 3, 4, 60), strict=True)
    )
    activity = Activity(NOW, frozenset({waits.id}), frozenset({"s"}), frozenset({"p"}))
    for state, names in (
        (None, "rwspo"),
        (SessionState.RUNNING, "r"),
        (SessionState.WAITS, "w"),
        (SessionState.STOPPED, "s"),
        (SessionState.PAUSED, "p"),
        (SessionState.OVER, "o"),
    ):
        shelf = SessionShelf(state=state)
        shelf.put(look(running, waits, stopped, paused, over))
        assert shown(shelf, is_held=False, activity=activity) == (names, 0)


def test_a_session_whose_first_call_is_on_its_way_is_there_where_it_is_wanted() -> None:
    new, other = SessionId("n", "Codex", "shop", "new"), SessionId("x", "aider", "zoo", "x")
    activity = Activity(NOW, on_way={new: NOW, other: NOW})
    shelf = SessionShelf(SessionFilter("SHOP new"))
    shelf.put(look(session("a", 90), on_way={new: NOW, other: NOW}))
    assert shown(shelf, is_held=False, activity=activity) == ("na", 0)
    row = session_rows(shelf.arrange(activity, is_held=False)[0], frozenset(), activity)[0]
    assert (row.state, row.sums.calls, row.cost) == (SessionState.RUNNING, 0, "$0.00")


def test_a_session_that_is_folded_out_shows_its_parts_which_it_counts_itself() -> None:
    hour_ago = NOW - timedelta(hours=1)
    one = session(
        "s", 30,
        PartSum(MAIN, NOW, 5, cost_nano_usd=10**9, tokens=100),
        PartSum(EXPLORE, hour_ago, 3, cost_nano_usd=2 * 10**9, tokens=40),
        PartSum(TITLE, hour_ago, 1, unpriced_calls=1, tokens=1),
    )  # fmt: skip
    folded = session_rows([one], frozenset(), Activity(NOW))
    assert [(row.name, row.kind, row.is_open) for row in folded] == [("task s", "Codex", False)]
    whole, explore, title = session_rows([one], frozenset({one.id}), Activity(NOW))
    assert (whole.sums.calls, whole.sums.tokens, whole.cost, whole.is_open) == (9, 141, "$3.00+", True)
    assert (explore.name, explore.kind, explore.depth, explore.sums.calls) == ("Explore a1", "sub-agent", 1, 3)
    assert (title.name, title.kind, title.cost) == ("titles", "background calls", "? —")
    assert len({row.key for row in (whole, explore, title)}) == 3
    assert session_rows([session("t", 1)], frozenset(), Activity(NOW))[0].is_open is None
