"""`bursar service`: the meter as a service of the system, for machines without a screen."""

import os

import typer

from app.cli import console, places

app = typer.Typer(no_args_is_help=True, help="The meter as a service of your system, without a screen or a tray.")


@app.command("install")
def install(
    exports: bool | None = typer.Option(None, help="What is exported too. Left out: where something is to be."),
) -> None:
    """Have the system start the meter when you log in, and start it again when it dies."""
    from app.services.exports.parts import parts_of
    from app.services.system_service import install_service, own_exports, own_service

    settings = places.read_settings()
    wanted = bool(parts_of(settings)) if exports is None else exports
    beside = own_exports() if wanted else None
    for service in (own_service(settings), *([beside] if beside is not None else [])):
        install_service(service)
        for file in service.files:
            console.say(f"Written: {file}")
    console.say("The meter runs now and from each login on. On Linux also without one, after: loginctl enable-linger")


@app.command("uninstall")
def uninstall() -> None:
    """End the service and remove its files. The ledger and the settings stay."""
    from app.services.system_service import own_exports, own_service, uninstall_service

    beside = own_exports()
    for service in (own_service(places.read_settings()), *([beside] if beside is not None else [])):
        uninstall_service(service)
    console.say("The system keeps no meter any more.")


@app.command("status")
def status() -> None:
    """Whether the system keeps the meter, and what its keeper says. Status 1 when it does not."""
    from app.services.keeper import TRY_AGAIN, keepers_of
    from app.services.system_service import is_in_force, own_exports, own_service

    service = own_service(places.read_settings())
    is_kept = is_in_force(service)
    if is_kept:
        console.say("The system keeps the meter.")
    else:
        console.say("The system does not keep the meter. Have it do so with: bursar service install")
    for keeper in keepers_of(places.ledger_file().resolve()):
        where = f"http://127.0.0.1:{keeper.gateway_port}"
        console.say(f"The meter at {where} is {keeper.phase} (process {keeper.meter_pid or keeper.pid}).")
        if keeper.trouble:
            console.say(f"{keeper.trouble} Try again with: {TRY_AGAIN}")
    beside = own_exports()
    if beside is not None and is_in_force(beside):
        console.say("The system runs the exports. See: bursar export status")
    if not is_kept:
        raise typer.Exit(1)


@app.command("run", hidden=True)
def run() -> None:
    """What the system starts: becomes the meter's keeper, on the sockets that it was given."""
    from app.services.keeper import keeper_command
    from app.services.meter import meter_command

    places.refuse_exposed()
    settings, ledger = places.read_settings(), places.ledger_file().resolve()
    command = keeper_command(meter_command(settings, ledger), settings, ledger, stays=True)
    os.execv(command[0], command)
