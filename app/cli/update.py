"""`bursar update check`: whether a newer Bursar is out."""

from dataclasses import asdict

import typer

from app.cli import console, places

app = typer.Typer(help="Ask whether a newer Bursar is out.", no_args_is_help=True)


@app.callback()
def update() -> None:
    """Nothing is ever downloaded or installed by Bursar itself."""


@app.command("check")
def check(as_json: bool = typer.Option(False, "--json", help="For scripts: null where this is the newest.")) -> None:
    """Ask the release feed. Only what it says is read; a newer one is installed by you, as this one was."""
    from app.services.releases import find_newer, words_of

    found = find_newer(places.read_settings())
    if as_json:
        console.print_json(None if found is None else asdict(found) | {"released": found.released.isoformat()})
    else:
        console.say(words_of(found))
