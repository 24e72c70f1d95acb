"""What the keeper is started with. Read by hand: `argparse` alone would cost more memory than the rest."""

FLAGS = ("--stop-with-stdin", "--keys-from-stdin", "--for-runs", "--stays")
"""`--stop-with-stdin`: stop when standard input closes. `--keys-from-stdin`: its first line is for each meter.
`--for-runs`: end when no run is left. `--stays`: go on although the first meter could not start."""
VALUES = ("--gateway", "--forward", "--network", "--attendance", "--log", "--version", "--most-deaths")
"""`--gateway`, `--forward` and `--network` are ADDRESS:PORT, 0 for a free port; `--attendance` is the folder where the
keeper says that it is there; `--log` its log."""


class Arguments:
    """The values and flags by name, and the meter's command, which follows `--`."""

    def __init__(self, given: list[str]) -> None:
        """Raises ValueError for what is not known."""
        end = given.index("--")
        words, self.command = iter(given[:end]), given[end + 1 :]
        self.flags: set[str] = set()
        self.values: dict[str, str] = {}
        for word in words:
            if word in FLAGS:
                self.flags.add(word)
            elif word in VALUES:
                self.values[word] = next(words, "")
            else:
                raise ValueError(word)

    def places(self) -> dict[str, tuple[str, int]]:
        """Where to listen, by the name of the door. Raises ValueError."""
        named = {name: self.values.get(f"--{name}", "") for name in ("gateway", "forward", "network")}
        return {name: _place_of(text) for name, text in named.items() if text}


def _place_of(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
