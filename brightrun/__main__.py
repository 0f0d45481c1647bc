"""`brightrun`, and `python -m brightrun`."""

from brightrun.cli import app


def main() -> None:
    app()


if __name__ == "__main__":
    main()
