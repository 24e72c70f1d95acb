"""`bursar service`: the meter as a service of the system, for machines without a screen."""

import os

import typer

from app.cli import console, places

app = typer.Typer(no_args_is_help=True, help="The meter as a service of your system, without a screen or a tray.")


@app.command("install")
def install() -> None:
    """Have the system start the meter when you log in, and start it again when it dies."""
    from app.services.system_service import install_service, own_service

    service = own_service(places.read_settings())
    install_service(service)
    for file in service.files:
        console.say(f"Written: {file}")
    console.say("The meter runs now and from each login on. On Linux also without one, after: loginctl enable-linger")


@app.command("uninstall")
def uninstall() -> None:
    """End the service and remove its files. The ledger and the settings stay."""
    from app.services.system_service import own_service, uninstall_service

    uninstall_service(own_service(places.read_settings()))
    console.say("The system keeps no meter any more.")


@app.command("status")
def status() -> None:
    """Whether the system keeps the meter, and what its keeper says. Status 1 when it does not."""
    from app.services.keeper import TRY_AGAIN, keepers_of
    from app.services.system_service import is_in_force, own_service

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
