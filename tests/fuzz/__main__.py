"""Look for bytes that break a promise, led by the code they reach: `python -m tests.fuzz [TARGET …] [--seconds 60]`.

Needs atheris, which is no part of the environment: `pip install atheris` (Linux and macOS). Prints the bytes that it
found, and ends with status 1 then.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Each target in a process of its own: atheris never comes back."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--in-this-process", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.in_this_process:
        fuzz(arguments.targets[0], arguments.seconds)
    from tests.fuzz.targets import TARGETS

    bad = []
    for name in arguments.targets or TARGETS:
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(arguments.seconds), "--in-this-process"]
        if subprocess.run(command).returncode:
            bad.append(name)
    print("broken: " + ", ".join(bad) if bad else "no promise was broken")
    return 1 if bad else 0


def fuzz(name: str, seconds: int) -> None:
    """Run one target for so long. Does not return."""
    import atheris

    with atheris.instrument_imports(include=["proxy_addon", "tests.fuzz"]):
        from tests.fuzz.targets import SEEDS, TARGETS
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed)
        options = [f"-max_total_time={seconds}", "-max_len=4096", "-print_final_stats=1", f"-artifact_prefix={corpus}/"]
        atheris.Setup([sys.argv[0], *options, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
