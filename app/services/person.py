"""Who sits at this machine."""

import getpass


def user_name() -> str:
    """The name of the person at this machine; `unknown` when the system does not tell."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"
