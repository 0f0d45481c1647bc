"""A role's password is replaced under load: no statement fails, whichever of file and role comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import literal, select, text

from chassis.cancellation import cancel_and_wait
from chassis.database.compiled import CompiledRead
from chassis.database.engine import Database, is_transient
from chassis.database.listen import PgListener
from chassis.database.password import password_of
from chassis.password_from import with_password_from
from stack.parts import Part, PostgresPart
from stack.private_files import write_private
from tests.fixtures.waiting import PATIENCE_S, tries

pytestmark = pytest.mark.slow

_ONE = CompiledRead(select(literal(1)))


class Role:
    """Of a server that asks for passwords; its address lies in a file."""

    def __init__(self, server: PostgresPart, file: Path) -> None:
        self.server, self.file, self.password = server, file, "first"
        self.write(server.create_database("numbers", password="first", tenant_password="tenant"))
        self.url = with_password_from(self.address("first"), file)

    def address(self, password: str) -> str:
        return self.server.url("numbers", "numbers", password)

    def write(self, url: str) -> None:
        write_private(self.file, url + "\n")

    async def tell(self, password: str) -> None:
        await asyncio.to_thread(self.server.set_passwords, "numbers", password, "tenant")

    async def hang_up(self) -> None:
        """Every connection of the role ends: all must be made anew."""
        await asyncio.to_thread(self.server.sql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                                 "WHERE usename = 'numbers'")


@pytest.fixture
def role(tmp_path: Path, start_part: Callable[[Part], Part]) -> Role:
    server = start_part(PostgresPart(tmp_path / "pg", password="of the superuser", durable=False))
    assert isinstance(server, PostgresPart)
    return Role(server, tmp_path / "numbers.url")


@pytest_asyncio.fixture
async def database(role: Role) -> AsyncIterator[Database]:
    """Keeps one connection and opens all others anew."""
    made = Database(role.url, pool_size=1, max_overflow=7, pool_timeout_s=PATIENCE_S, connect_timeout_s=PATIENCE_S,
                    command_timeout_s=PATIENCE_S)
    yield made
    await made.dispose()


class Load:
    def __init__(self, database: Database) -> None:
        self.database, self.done, self.failed = database, 0, list[str]()
        self.callers = [asyncio.create_task(self._call(number)) for number in range(6)]

    async def _call(self, number: int) -> None:
        while True:
            try:
                await self._ask(number)
                self.done += 1
            except Exception as error:
                self.failed.append(repr(error))
            await asyncio.sleep(0)

    async def _ask(self, number: int) -> None:
        if number % 3 == 0:
            async with self.database.transaction() as tx:
                await tx.execute(text("SELECT 1"))
        elif number % 3 == 1:
            await self.database.ping()
        else:
            await self.database.rows(_ONE)

    async def goes_on(self) -> None:
        before = self.done
        async for _ in tries():
            if self.done > before + 60 or self.failed:
                break
        assert self.failed == []
        assert self.done > before + 60

    async def stop(self) -> None:
        for caller in self.callers:
            await cancel_and_wait(caller)


async def test_no_statement_fails_while_passwords_are_replaced(role: Role, database: Database) -> None:
    load = Load(database)
    await load.goes_on()
    for number in range(4):
        password = f"password-{number}"
        if number % 2:
            await role.tell(password)
            role.write(role.address(password))
        else:
            role.write(role.address(password))
            await load.goes_on()  # by the one before: the role has not been told
            await role.tell(password)
        await load.goes_on()
    await load.stop()
    assert load.failed == []


async def test_all_connections_anew_and_the_old_password_is_refused(role: Role, database: Database) -> None:
    async with PgListener(role.url, "news") as listener:
        assert await listener.wait(PATIENCE_S)  # connected
        await database.ping()
        role.write(role.address("second"))
        await role.tell("second")
        await role.hang_up()
        async for _ in tries():
            try:
                await database.ping()
                await database.rows(_ONE)
                break
            except Exception as error:  # what was connected may hear of it only now
                if not is_transient(error):
                    raise
        else:
            raise AssertionError("no connection by the new password")
        assert await listener.wait(PATIENCE_S)  # connected again
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(role.address("first").replace("+asyncpg", ""))


async def test_a_process_that_begins_between_both_changes_waits_for_the_second(role: Role) -> None:
    role.write(role.address("second"))
    url = with_password_from(role.address("second"), role.file)
    password = password_of(url)
    assert password is not None
    connecting = asyncio.create_task(password.connect(role.address("second").replace("+asyncpg", "")))
    await asyncio.sleep(0.3)
    assert not connecting.done()
    await role.tell("second")
    await (await connecting).close()


async def test_a_password_that_stays_wrong_is_refused(role: Role) -> None:
    role.file.unlink()
    password = password_of(with_password_from(role.address("wrong"), role.file))
    assert password is not None
    with pytest.raises(asyncpg.InvalidPasswordError):
        await password.connect(role.address("wrong").replace("+asyncpg", ""))
