"""The `bursar` command; also `python -m app`."""

from app.cli.main import run_command


def main() -> None:
    """Run the command line and leave with its exit status."""
    run_command()


if __name__ == "__main__":
    main()
