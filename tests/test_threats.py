"""The threats that Bursar was built against, each with the tests in which the attack fails, or why there is none.

Levels: *cooperative* is an agent with its own environment, *sandboxed* one that `bursar run --sandbox` started,
*separated* a meter of another user, in a container or on another host. README's "Security" says what holds at which.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Threat:
    """One row. `tests` are `file::test` below `tests/`; `open` is what no test shows, and why."""

    attack: str
    tests: tuple[str, ...] = ()
    open: str = ""


THREATS = {
    "T1": Threat(
        "a web page changes something at the meter",
        (
            "end2end/test_web_origins.py::test_a_page_gets_an_empty_403_and_changes_nothing",
            "end2end/test_browser.py::test_a_page_reads_nothing_and_spends_nothing",
        ),
        "There is no control port: caps, keys and approvals are changed in the ledger's file.",
    ),
    "T2": Threat(
        "a web page reaches the meter by a name that was rebound",
        (
            "end2end/test_web_origins.py::test_a_rebound_name_gets_the_same_answer_everywhere",
            "proxy_addon/test_walls.py::test_every_other_name_was_rebound",
            "end2end/test_network.py::test_it_is_called_by_the_names_that_were_given_and_encrypted_only",
        ),
    ),
    "T3": Threat(
        "a web page learns that a meter runs",
        ("end2end/test_bad_input.py::test_web_page_learns_nothing",),
        "An open port can be told from a closed one; what answers there cannot be told.",
    ),
    "T4": Threat(
        "the proxy leads to this machine, its network or a cloud's metadata",
        (
            "proxy_addon/test_destinations.py::test_a_local_place_is_forbidden_however_it_is_spelled",
            "proxy_addon/test_destinations.py::test_a_name_is_connected_to_at_the_address_that_was_judged",
            "end2end/test_forward_proxy.py::test_no_spelling_of_a_local_place_is_reached_by_either_way",
        ),
    ),
    "T5": Threat(
        "another user of the machine uses the port",
        (
            "end2end/test_walls.py::test_another_user_is_shown_out_with_and_without_a_key",
            "proxy_addon/test_peer.py::test_connection_of_another_user_is_told_apart",
        ),
        "Only Linux tells whose a connection is; on macOS and Windows the virtual key alone decides.",
    ),
    "T6": Threat(
        "another user of the machine reads our files",
        (
            "end2end/test_walls.py::test_another_user_can_read_no_file",
            "end2end/test_walls.py::test_another_user_reads_none_of_our_files_where_the_folder_around_them_is_open",
            "end2end/test_walls.py::test_a_meter_whose_files_others_could_open_does_not_start",
            "cli/test_main.py::test_a_home_that_others_could_open_is_told_with_what_closes_it",
        ),
        "On Windows the rights of the user's profile are relied on and not checked.",
    ),
    "T7": Threat(
        "another user takes our port",
        (
            "end2end/test_walls.py::test_nobody_listens_beside_a_running_meter",
            "end2end/test_walls.py::test_a_port_that_somebody_took_is_told_and_no_other_is_taken_instead",
        ),
        "While no meter runs the port is free to take. The tray does not hold it; `bursar run` uses a meter of its own "
        "then, agents set up by `bursar env` or `connect` would send the squatter their virtual key and prompts.",
    ),
    "T8": Threat(
        "an agent raises its own cap or approves its own call",
        (
            "end2end/test_authority.py::test_no_path_of_the_meter_changes_what_a_person_set",
            "end2end/test_authority.py::test_no_header_approves_a_call",
            "end2end/test_authority.py::test_the_agents_own_server_has_no_verb_but_asking",
            "end2end/test_authority.py::test_an_answer_is_for_the_one_who_asked_for_that_amount_and_once",
            "end2end/test_caps.py::test_approval_is_for_one_call_only",
            "cli/test_sandbox.py::test_no_command_of_bursars_changes_or_reads_anything",
            "cli/test_sandbox.py::test_secrets_are_hidden_and_only_the_project_is_written",
            "cli/test_sandbox.py::test_the_walls_cannot_be_taken_down_and_git_runs_nothing_new",
        ),
        "A program of the same user can write the ledger's file: cooperative stops mistakes, not malice.",
    ),
    "T9": Threat(
        "an agent reads a provider's key",
        (
            "end2end/test_walls.py::test_a_program_of_the_same_user_cannot_look_into_the_meter",
            "end2end/test_masked_keys.py::test_a_stream_in_pieces_is_masked_and_otherwise_the_same_bytes",
            "end2end/test_masked_keys.py::test_what_is_hardly_an_answer_is_masked",
            "proxy_addon/test_masking.py::test_whatever_the_chunks_only_the_key_is_replaced",
            "end2end/test_canary.py::test_a_marked_key_is_found_nowhere_but_at_the_provider",
            "proxy_addon/test_hardening.py::test_nobody_can_dump_or_trace_the_process_and_its_files_are_private",
            "cli/test_sandbox.py::test_nothing_but_the_meter_is_reached",
            "cli/test_sandbox.py::test_the_meter_is_not_seen_nor_traced_and_the_terminal_not_typed_into",
        ),
        "An unlocked keyring gives a key to any program of the same user that asks for it: there only a sandbox holds.",
    ),
    "T10": Threat(
        "an agent spends under another's name",
        (
            "end2end/test_attribution.py::test_no_header_and_no_field_charges_somebody_else",
            "core/test_tags.py::test_an_agent_adds_labels_but_changes_none",
            "proxy_addon/test_identify.py::test_key_in_the_request_goes_before_the_one_in_the_proxy_address",
            "proxy_addon/test_attribution.py::test_nothing_odd_raises_nor_changes_who_pays",
        ),
    ),
    "T11": Threat(
        "an agent goes around the meter",
        (
            "services/doctor/test_ways_around.py::test_the_environment_is_looked_through",
            "services/doctor/test_ways_around.py::test_every_settings_file_is_looked_through",
            "cli/test_sandbox.py::test_nothing_but_the_meter_is_reached",
            "cli/test_sandbox.py::test_the_internet_is_reached_through_the_meters_walls_only",
            "cli/test_sandbox.py::test_a_provider_called_by_its_own_host_is_metered_too",
        ),
        "Cooperative finds ways around and names them; it closes none. In a sandbox that is not offline, a key in a "
        "file that the agent may read can be used by way of a third host.",
    ),
    "T12": Threat(
        "an agent hides what a call costs",
        (
            "end2end/test_bad_input.py::test_path_that_cannot_be_metered_is_not_sent_under_a_hard_cap",
            "proxy_addon/shapes/test_requests.py::test_a_key_given_twice_is_rejected",
            "proxy_addon/shapes/test_requests.py::test_the_dearest_cache_write_asked_for_is_told",
            "proxy_addon/shapes/test_answers.py::test_a_hop_before_the_fallback_is_billed_on_top_unless_it_declined_silently",
        ),
    ),
    "T13": Threat(
        "one agent holds all there is",
        ("ledger/test_waiting_line.py::test_a_session_with_one_call_goes_before_the_many_of_another",),
    ),
    "T14": Threat(
        "a provider lies, floods or leads elsewhere",
        (
            "end2end/test_false_provider.py::test_a_usage_that_lies_never_makes_a_cap_smaller_nor_breaks_the_meter",
            "end2end/test_false_provider.py::test_a_redirect_is_the_agents_to_follow_and_takes_no_key_along",
            "proxy_addon/shapes/test_answers.py::test_a_number_out_of_all_sense_is_not_known",
            "proxy_addon/test_content_decoding.py::test_a_bomb_is_left_before_it_takes_memory",
        ),
    ),
    "T15": Threat(
        "somebody stands between the meter and the provider",
        ("end2end/test_false_provider.py::test_a_false_certificate_gets_a_502_and_not_a_byte_of_the_key",),
    ),
    "T16": Threat(
        "a virtual key is stolen",
        (
            "end2end/test_key_end.py::test_revoke_stops_a_running_agent_within_a_second",
            "end2end/test_key_end.py::test_a_key_expires_while_its_agent_runs",
            "end2end/test_walls.py::test_another_user_is_shown_out_with_and_without_a_key",
            "end2end/test_network.py::test_a_real_sdk_in_another_namespace_reaches_it_with_key_and_certificate_and_not_without",
        ),
        "A key is bound to this machine's meter and, on Linux, to its user; not to the processes of one agent.",
    ),
    "T17": Threat(
        "the CA's key is stolen",
        (
            "proxy_addon/test_certificates.py::test_a_certificate_of_the_stolen_key_is_believed_for_metered_hosts_only",
            "proxy_addon/test_certificates.py::test_a_name_in_the_subject_alone_is_no_way_around",
            "proxy_addon/test_certificates.py::test_one_that_could_vouch_for_any_host_is_replaced_and_told",
        ),
        "Tried with OpenSSL, Python, curl, Node and one verifier in Rust; not with Go or rustls. Metered hosts can be "
        "forged to the processes that trust the CA until it ends or is removed.",
    ),
    "T18": Threat(
        "the ledger is changed by hand",
        (
            "ledger/test_verification.py::test_each_damaged_figure_is_named_and_repaired",
            "ledger/test_verification.py::test_a_forgotten_hold_a_lost_call_and_a_stray_window_are_found",
        ),
        "What caps have spent is derived again from the calls. A call that is changed together with the sums is not "
        "found: there is no chain of hashes.",
    ),
    "T19": Threat(
        "a text becomes a statement of SQL",
        (
            "end2end/test_hostile_texts.py::test_no_text_is_taken_for_a_statement",
            "ledger/test_statements.py::test_statements_are_never_put_together_from_texts",
        ),
    ),
    "T20": Threat(
        "a dependency or a release is not what it was",
        (
            "test_house.py::test_a_lock_holds_only_pins_with_hashes",
            "test_supply_chain.py::test_no_pin_is_older_than_what_mended_it",
            "test_supply_chain.py::test_what_is_shipped_runs_nothing_by_being_installed",
            "test_supply_chain.py::test_data_is_never_run",
        ),
        "There are no signed installers yet.",
    ),
    "T21": Threat(
        "a price table makes a model free",
        (
            "pricing/test_price_table.py::test_a_model_that_turns_cheap_free_or_unknown_is_asked_about",
            "services/test_price_updates.py::test_prices_are_not_fetched_in_the_open",
            "services/test_price_updates.py::test_an_answer_that_is_no_table_changes_nothing",
            "cli/test_prices.py::test_an_update_that_needs_a_look_changes_nothing_until_it_is_taken",
        ),
        "The table's publisher does not sign it: TLS and the person who looks stand in.",
    ),
    "T22": Threat(
        "a member of a team edits others' budgets",
        (
            "ledger/team/test_team_rights.py::test_no_role_does_anything_with_any_table",
            "ledger/team/test_team_rights.py::test_a_role_executes_its_functions_and_no_others",
            "ledger/team/test_team_rights.py::test_a_member_sets_no_cap_and_a_viewer_holds_nothing",
            "ledger/team/test_team_rights.py::test_nobody_ends_anothers_holds_but_a_lead",
        ),
        "What a call cost is told by the laptop that made it.",
    ),
    "T23": Threat(
        "a log keeps a key or a prompt",
        (
            "end2end/test_canary.py::test_a_marked_key_is_found_nowhere_but_at_the_provider",
            "end2end/test_tools.py::test_a_tool_that_fails_twice_in_a_loop_of_anthropics_sdk",
            "test_log.py::test_a_key_in_a_message_an_argument_or_a_traceback_does_not_reach_the_file",
        ),
    ),
    "T24": Threat(
        "a repository leads an agent elsewhere",
        ("cli/test_doctor.py::test_a_repository_that_leads_an_agent_elsewhere_is_told",),
        "It is told, not prevented; the key that leaves with such an agent is a virtual one.",
    ),
    "T25": Threat(
        "an agent's words mislead the person who is asked",
        (
            "end2end/test_hostile_texts.py::test_what_an_agent_says_is_stored_so_that_it_cannot_mislead",
            "end2end/test_hostile_texts.py::test_a_question_and_a_refusal_hold_nothing_that_misleads",
            "core/test_tags.py::test_a_clean_label_is_one_short_line_without_control_and_stays_as_it_is",
            "core/test_tags.py::test_a_label_is_made_safe_to_show",
        ),
    ),
}


def test_every_threat_has_a_row() -> None:
    assert list(THREATS) == [f"T{number}" for number in range(1, 26)]


@pytest.mark.parametrize("name", THREATS)
def test_a_row_names_tests_that_are_there_or_says_why_there_is_none(name: str) -> None:
    threat = THREATS[name]
    assert threat.tests or threat.open.endswith(".")
    for named in threat.tests:
        file, _, test = named.partition("::")
        assert test in named_in(file), named


@cache
def named_in(file: str) -> frozenset[str]:
    """The tests of a file below `tests/` that pytest would collect."""
    path = TESTS / file
    assert path.name.startswith("test_"), file
    body = ast.parse(path.read_text("utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))
