"""A database's address that says in which file it stands: read at each new connection, so that a password is replaced
without a restart (`chassis.database.password`). What starts the services imports this with no more than Python."""

from pathlib import Path
from urllib.parse import quote

FROM_FILE = "password_from"


def with_password_from(url: str, path: Path) -> str:
    """The address, with the file that holds it anew when its password is replaced."""
    return f"{url}{'&' if '?' in url else '?'}{FROM_FILE}={quote(str(path))}"
