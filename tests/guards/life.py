"""A meter that dies, hangs, or is replaced."""

from tests.guards.guard import Guard

GUARDS = (
    Guard(
        "a meter that dies too often is given up",
        "proxy_addon/keeper/keeping.py",
        "        elif len(self._deaths) >= self._most_deaths:\n",
        "        elif False:\n",
        ("faults/life/test_keeper.py::test_a_service_stays_although_its_first_meter_fails",),
    ),
    Guard(
        "a first meter that fails is told",
        "proxy_addon/keeper/keeping.py",
        '        if not self._has_served and "--stays" not in self._arguments.flags:',
        "        if False:",
        ("faults/life/test_keeper.py::test_a_first_meter_that_fails_is_told_at_once",),
    ),
    Guard(
        "callers are told while it is given up",
        "proxy_addon/keeper/keeping.py",
        '                self._refusing.take(door, is_answered=name != "network")',
        "                pass",
        ("faults/life/test_keeper.py::test_callers_are_told_while_it_is_given_up",),
    ),
    Guard(
        "silent callers make room",
        "proxy_addon/keeper/refusing.py",
        "        if len(self._callers) >= MOST:\n            self._drop(next(iter(self._callers)))\n",
        "",
        ("faults/life/test_keeper.py::test_silent_callers_do_not_keep_others_from_their_answer",),
    ),
    Guard(
        "a meter that hangs at its start is replaced",
        "proxy_addon/keeper/keeping.py",
        "                meter.tell(signal.SIGKILL)",
        "                pass",
        ("faults/life/test_keeper.py::test_a_meter_that_hangs_at_its_start_is_given_up",),
    ),
    Guard(
        "an old meter goes on until the new one is ready",
        "proxy_addon/keeper/keeping.py",
        "        if self._coming is not None and self._coming.is_ready:",
        "        if self._coming is not None:",
        ("faults/life/test_keeper.py::test_an_old_meter_goes_on_when_the_new_one_fails",),
    ),
    Guard(
        "what a dead keeper said is not believed",
        "app/services/keeper.py",
        " and is_held(note)]",
        "]",
        ("faults/life/test_keeper.py::test_what_a_dead_keeper_said_is_not_believed",),
    ),
    Guard(
        "a meter that leaves closes its doors",
        "proxy_addon/departure.py",
        "                await instance.stop()",
        "                pass",
        ("faults/life/test_meter.py::test_replaced_under_20_clients_no_call_is_lost",),
    ),
    Guard(
        "a silent connection keeps no old meter",
        "proxy_addon/departure.py",
        "                connection.close_connection(client)",
        "                pass",
        ("faults/life/test_meter.py::test_a_silent_connection_does_not_keep_the_old_meter",),
    ),
    Guard(
        "a tray gives a meter up that keeps failing",
        "app/desktop/meter_process.py",
        "        if len(self._crashes) == CRASHES and now - self._crashes[0] < CRASH_WINDOW_S:",
        "        if False:",
        ("desktop/test_meter_process.py::test_one_that_keeps_failing_is_given_up_with_its_own_reason",),
    ),
)
