"""A role's password, replaced while its service runs.

A database's address may say `password_from=PATH`, a file that holds the address anew: each new connection shows the
password that it finds there now. PostgreSQL knows one password of a role; between the file's change and the role's,
whichever comes first, the one that worked last is tried as well, and after that both again for a moment.
"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
from asyncpg.exceptions import InvalidPasswordError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from chassis.password_from import FROM_FILE

# A process that begins just between both changes knows one password only.
_REFUSED_FOR_S, _AGAIN_S = 3.0, 0.1


class Password:
    """Of one role. Raises nothing of its own: without a readable file the password stays what it was."""

    def __init__(self, known: str | None, file: str) -> None:
        self._worked, self._file = known, Path(file)

    async def connect(self, *arguments: Any, **options: Any) -> asyncpg.Connection:
        """As asyncpg.connect, whatever password is given."""
        refused_until = time.monotonic() + _REFUSED_FOR_S
        while True:
            try:
                return await self._connect(*arguments, **options)
            except InvalidPasswordError:
                if time.monotonic() > refused_until:
                    raise
            await asyncio.sleep(_AGAIN_S)

    async def _connect(self, *arguments: Any, **options: Any) -> asyncpg.Connection:
        refused: InvalidPasswordError | None = None
        for password in self._candidates():
            try:
                connection = await asyncpg.connect(*arguments, **{**options, "password": password})
            except InvalidPasswordError as error:
                refused = error
                continue
            self._worked = password
            return connection
        assert refused is not None
        raise refused

    def _candidates(self) -> Iterator[str | None]:
        found = self._in_file()
        if found is not None:
            yield found
        if found != self._worked:
            yield self._worked

    def _in_file(self) -> str | None:
        try:
            return make_url(self._file.read_text().strip()).password
        except (OSError, ValueError, ArgumentError):
            return None


def password_of(url: str) -> Password | None:
    """None where the address names no file: then it says the password itself, once and for all."""
    address = make_url(url)
    file = address.query.get(FROM_FILE)
    return Password(address.password, str(file)) if file else None
