"""The exports in a process of their own, with the vault's entries on the first line of input: to be killed."""

import json
import sys
from pathlib import Path

from app.keys.vault import FixedVault
from app.ledger.engine import open_ledger
from app.services.exports.running import Exports


def main() -> None:
    """Arguments: the ledger and the settings' file. Until it is killed."""
    ledger = open_ledger(Path(sys.argv[1]))
    vault = FixedVault(json.loads(sys.stdin.readline()))
    Exports(ledger, Path(sys.argv[2]), vault, "a test", look_every_s=0.05).run()


if __name__ == "__main__":
    main()
