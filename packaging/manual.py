"""The manual page and the completions of shells, made from the program itself.

python manual.py man > bursar.1
python manual.py bash|zsh|fish > COMPLETION
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import command_tree
from frozen_content import version

CHECKOUT = Path(__file__).resolve().parent.parent
_FILES = (
    ("~/.local/share/bursar/ledger.sqlite", "The ledger."),
    ("~/.config/bursar/settings.json", "The settings."),
    ("~/.local/state/bursar/log", "The logs, without prompts, answers and keys."),
)
_STATUS = (
    ("0", "All went well."),
    ("1", "An error, told as a title and a message on standard error; doctor: something is wrong."),
    ("2", "A wrong command."),
    ("other", "bursar run gives the agent's own status."),
)


def page(day: str) -> str:
    """The manual page in man(7)'s macros."""
    first, *others = command_tree.every_command()
    lines = [f'.TH BURSAR 1 "{day}" "bursar {version(CHECKOUT)}" "User Commands"']
    lines += [".SH NAME", "bursar \\- meters and caps what coding agents spend"]
    lines += [".SH SYNOPSIS", ".B bursar", "[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]"]
    lines += [".SH DESCRIPTION", _text(first.meaning), _text("Each command tells its options with --help.")]
    lines += [".SH COMMANDS"]
    for command in others:
        if not command.is_group:
            lines += [".SS", _text(command.synopsis), _text(command.meaning)]
            lines += _parameters(command)
    lines += [".SH FILES"] + [line for name, words in _FILES for line in (".TP", f".I {_text(name)}", _text(words))]
    lines += [
        ".SH ENVIRONMENT",
        ".TP",
        ".B BURSAR_HOME",
        "One folder for all that is kept, in the place of those above.",
    ]
    lines += [".SH EXIT STATUS"]
    lines += [line for code, words in _STATUS for line in (".TP", f".B {code}", _text(words))]
    return "\n".join(lines) + "\n"


def built_on() -> str:
    """The day that is written into the page: that of the commit, where build.py says it."""
    return time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))


def completion(shell: str) -> str:
    """What a shell is to read so that Tab completes commands and options."""
    asked = dict(os.environ, _BURSAR_COMPLETE=f"source_{shell}")
    code = "import sys; sys.argv = ['bursar']; from app.__main__ import main; main()"
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, env=asked, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    text = told.stdout.strip() + "\n"
    # zsh loads the file at the first Tab, as the body of a function, which then has to answer that one too.
    return text + '[ "$funcstack[1]" = _bursar ] && _bursar_completion "$@"\n' if shell == "zsh" else text


def _parameters(command: command_tree.Command) -> list[str]:
    told = [one for one in command.parameters if one.meaning]
    return [line for one in told for line in (".TP", f"\\fB{_text(one.words)}\\fR", _text(one.meaning))]


def _text(words: str) -> str:
    """Words as they are, whatever roff would read in them."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("…", "\\&...")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def main(arguments: list[str]) -> int:
    """Print what is asked for."""
    if arguments == ["man"]:
        print(page(built_on()), end="")
    else:
        print(completion(arguments[0]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
