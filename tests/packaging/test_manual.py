"""The manual page and the completions, made from the program."""

import shutil
import subprocess

import pytest

import command_tree
import manual


def test_every_command_that_help_names_is_in_the_manual() -> None:
    page = manual.page("2026-11-22")
    for command in command_tree.every_command():
        if not command.is_group:
            assert f".SS\n{command.name.replace('-', chr(92) + '-')}" in page, command.name
    assert page.startswith('.TH BURSAR 1 "2026-11-22" "bursar ')


def test_an_option_is_told_with_what_it_takes() -> None:
    [run] = [command for command in command_tree.every_command() if command.name == "bursar run"]
    words = {one.words for one in run.options}
    assert {"--project STR", "--at-limit pause|block|alert", "--sandbox, --no-sandbox", "--json FILE"} <= words
    assert run.synopsis == "bursar run [OPTIONS] -- COMMAND…"


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_page_is_one_that_roff_reads_without_a_complaint() -> None:
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Kutf8"], input=manual.page("2026-11-22"), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.parametrize(("shell", "begins"), [("bash", "_bursar_completion()"), ("zsh", "#compdef bursar\n")])
def test_completions_are_what_a_shell_loads(shell: str, begins: str) -> None:
    text = manual.completion(shell)
    assert text.startswith(begins)
    tool = shutil.which(shell)
    if tool is not None:
        subprocess.run([tool, "-n"], input=text, text=True, check=True)
