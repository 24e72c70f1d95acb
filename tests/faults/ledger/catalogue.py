"""Faults of the ledger, of its disk and of what is done to it: each with what is expected, and where it is tried.

`tests` are `file::test` below `tests/`; `phase` is when the fault strikes. A test sees to it that each of them exists.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LedgerFault:
    """One cell of the fault matrix."""

    fault: str
    phase: str
    expected: str
    tests: tuple[str, ...]


_DAMAGE = "faults/ledger/test_damage.py::test_a_broken_ledger_is_refused_kept_and_put_back"
_METER = "faults/ledger/test_meter.py::"

FAULTS = (
    LedgerFault("file deleted", "at the start", "no start, no empty ledger; the backup is put back", (_DAMAGE,)),
    LedgerFault("file empty", "at the start", "no start, no empty ledger; the backup is put back", (_DAMAGE,)),
    LedgerFault("file cut in half", "at the start", "no start; kept aside; what can be read is put back",
                (_DAMAGE, _METER + "test_a_meter_does_not_start_on_a_damaged_ledger_and_says_what_to_do")),
    LedgerFault("header overwritten", "at the start", "no start; all calls are read again", (_DAMAGE,)),
    LedgerFault("file is garbage", "at the start", "no start; the backup, and what is missing is told", (_DAMAGE,)),
    LedgerFault("page of calls broken", "at the start", "calls that cannot be read are charged at worst",
                (_DAMAGE, "faults/ledger/test_damage.py::"
                 "test_a_call_that_was_sent_and_cannot_be_read_is_charged_at_worst")),
    LedgerFault("root page of calls broken", "at the start", "all since the backup is charged at worst", (_DAMAGE,)),
    LedgerFault("page of totals broken", "at the start", "totals are derived again", (_DAMAGE,)),
    LedgerFault("page of caps broken", "at the start", "the backup's caps, over all calls", (_DAMAGE,)),
    LedgerFault("page of an index broken", "at the start", "nothing is lost", (_DAMAGE,)),
    LedgerFault("WAL is garbage", "at the start", "not passed over in silence; the file without it", (_DAMAGE,)),
    LedgerFault("WAL deleted, with all there was in it", "at the start", "no blank ledger",
                ("faults/ledger/test_damage.py::test_what_was_in_a_lost_wal_only_leaves_no_blank_ledger",)),
    LedgerFault("newest backup damaged", "restore", "an older one is taken",
                ("faults/ledger/test_damage.py::test_a_damaged_backup_is_passed_over_for_an_older_one",)),
    LedgerFault("no backup", "restore", "what can be read; an empty one on a person's word only",
                ("faults/ledger/test_damage.py::test_without_a_backup_what_can_be_read_is_put_back",
                 "faults/ledger/test_damage.py::"
                 "test_where_nothing_is_left_an_empty_ledger_is_made_on_a_persons_word_only")),
    LedgerFault("somebody else's file", "at the start", "refused and left where it is",
                ("faults/ledger/test_damage.py::test_somebody_elses_file_is_never_moved",)),
    LedgerFault("pages overwritten", "a call on its way", "503; kept aside; the call is settled after the restore",
                (_METER + "test_damaged_in_use_calls_are_refused_until_it_is_restored_"
                 "and_the_one_on_its_way_is_not_lost",)),
    LedgerFault("file deleted", "in use", "503, no empty ledger; goes on by itself after the restore",
                (_METER + "test_deleted_in_use_calls_are_refused_until_it_is_restored",)),
    LedgerFault("disk full", "calls on their way", "the ballast goes, they are settled, others get 503 until room",
                (_METER + "test_on_a_full_disk_the_call_on_its_way_is_settled_and_others_wait_until_there_is_room",)),
    LedgerFault("disk read-only", "at the start", "no start, and says why",
                (_METER + "test_on_a_read_only_disk_the_meter_does_not_start_and_says_why",)),
    LedgerFault("locked by another program", "a call is asked for", "503 after 5 s, nothing sent",
                ("end2end/test_faults.py::test_locked_ledger_is_told_and_nothing_is_sent",)),
    LedgerFault("locked by another program", "a call is answered", "answered, and written later",
                ("end2end/test_faults.py::test_answer_that_came_while_the_ledger_was_locked_is_written_later",)),
    LedgerFault("locked for 30 s", "both", "refused for now, nothing lost, nothing doubled",
                (_METER + "test_locked_for_30_s_calls_are_refused_and_nothing_is_lost_or_doubled",)),
    LedgerFault("newer schema", "at the start", "refused and left untouched",
                ("ledger/test_migrations.py::test_a_newer_ledger_is_refused_and_left_untouched",)),
    LedgerFault("killed", "at each statement of a migration", "the old ledger or the new one, and a whole backup",
                ("faults/ledger/test_migration_kill.py::"
                 "test_a_migration_killed_at_each_statement_is_done_or_not_begun",)),
    LedgerFault("killed", "backup", "no half a backup under a backup's name",
                ("ledger/test_backups.py::test_remains_of_a_process_that_died_are_cleared",)),
    LedgerFault("others write", "backup", "one picture",
                ("ledger/test_backups.py::test_a_copy_is_one_picture_although_others_write_meanwhile",)),
    LedgerFault("two at once", "backup", "one of them makes it",
                ("ledger/test_backups.py::test_only_one_at_a_time_makes_a_backup",)),
    LedgerFault("ledger damaged", "backup", "no backup of it, and none is dropped for it",
                ("ledger/test_backups.py::test_a_damaged_ledger_takes_the_place_of_no_backup",)),
    LedgerFault("file put in another's place", "in use", "taken up; its WAL is left alone",
                ("ledger/test_backups.py::test_a_ledger_put_in_anothers_place_is_taken_up_by_who_has_it_open",)),
    LedgerFault("killed", "a call on its way", "charged at worst by the next meter",
                ("end2end/test_faults.py::test_killed_meter_leaves_its_calls_to_the_next",)),
)  # fmt: skip
