"""`bursar ca`: the certificate by which agents elsewhere know the meter."""

from app.cli import console
from app.core.errors import InvalidInput


def print_certificate() -> None:
    """Print the certificate of the meter's own CA, for agents that reach it over a network."""
    from app.services.own_ca import ca_certificate_path

    file = ca_certificate_path()
    try:
        console.say(file.read_text(encoding="ascii").rstrip())
    except FileNotFoundError:
        raise InvalidInput(
            "There is no certificate yet", "The meter makes it when it starts: bursar, or bursar proxy."
        ) from None
    except OSError as error:
        raise InvalidInput("The certificate cannot be read", f"{file}: {error.strerror}.") from None
