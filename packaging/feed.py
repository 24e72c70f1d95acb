"""The release feed, for whoever publishes.

    python3 packaging/feed.py stamp ADDRESS      what is built from now on asks there whether a newer one is out
    python3 packaging/feed.py write FILE NOTES   the feed of this version; NOTES is the page that says what is new

The day is that of the commit, as in all that build.py makes.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from build import CHECKOUT, steady_variables
from frozen_content import version

STAMP = CHECKOUT / "resources" / "release" / "release.json"


def feed(notes: str, day: str) -> dict[str, str]:
    """What the feed says."""
    return {"version": version(CHECKOUT), "released": day, "notes": notes}


def main(arguments: list[str]) -> int:
    """Do what the arguments say."""
    match arguments:
        case ["stamp", address]:
            STAMP.write_text(json.dumps({"feed": address}) + "\n", "utf-8")
        case ["write", file, notes]:
            os.environ.update(steady_variables(CHECKOUT))
            day = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).date().isoformat()
            Path(file).write_text(json.dumps(feed(notes, day)) + "\n", "utf-8")
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
