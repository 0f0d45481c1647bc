"""Bring databases to the newest schema: `python -m chassis.migrate services.job_api [services.notifier ...]`.

Exit status: 0 done (or nothing to do), 75 a database was not there within `--wait` seconds, 1 a migration failed.
"""

import argparse
import asyncio
import importlib
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from chassis.database import locks, row_security
from chassis.database.address import split
from chassis.settings import secret, tls_is_required, unverified_databases
from chassis.waiting import NotThereYet, run_job, until_there

_PREFIX = "BRIGHTRUN_"
DEFAULT_URL_VARIABLE = f"{_PREFIX}DATABASE_URL"
_ALEMBIC = asyncio.Lock()
# A server that starts, restarts or has no connection left; a role or a database that the installation is about to make.
_NOT_YET = ("08", "53300", "57P", "28", "3D000")


async def upgrade(service_package: str, url: str, revision: str = "head") -> str:
    """Upgrade one service's database. Safe to run by several replicas at once; does nothing when up to date.

    Nor to a schema of a newer release, on which this one runs after going back: its revision is returned then.
    """
    config = _config(service_package)
    engine = _engine(url)
    try:
        # Alembic keeps its context in module globals: one upgrade at a time within a process.
        async with _ALEMBIC, engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": locks.MIGRATION})
            reached = await connection.run_sync(_upgrade, config, revision)
            await connection.exec_driver_sql(row_security.grants())
            return reached
    finally:
        await engine.dispose()


async def wait_for(service_package: str, url: str, wait_s: float) -> None:
    """Until the database takes our connections. Raises NotThereYet after `wait_s` seconds."""
    engine = _engine(url)
    try:
        await until_there(lambda: _reach(service_package, engine), wait_s)
    finally:
        await engine.dispose()


async def wait_until_newest(service_package: str, url: str, wait_s: float) -> None:
    """Until somebody else has brought the database to this release's schema, or beyond it. Raises NotThereYet."""
    script, engine = ScriptDirectory.from_config(_config(service_package)), _engine(url)

    async def look() -> None:
        await _reach(service_package, engine)
        async with engine.connect() as connection:
            heads = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
        known = {revision.revision for revision in script.walk_revisions()}
        if not heads or (set(heads) <= known and set(heads) != set(script.get_heads())):
            raise NotThereYet(f"{service_package}: the schema is at {', '.join(heads) or 'nothing'}, this release "
                              f"wants {', '.join(script.get_heads())}: run `python -m chassis.migrate`")

    try:
        await until_there(look, wait_s)
    finally:
        await engine.dispose()


def _engine(url: str) -> AsyncEngine:
    address, tls = split(url)
    return create_async_engine(address, poolclass=NullPool, connect_args=tls)


def migrations_folder(service_package: str) -> Path:
    module = importlib.import_module(service_package)
    folder = Path(next(iter(module.__path__))) / "migrations"
    if not folder.is_dir():
        raise FileNotFoundError(f"{service_package} has no migrations folder ({folder})")
    return folder


def database_url(service_package: str, *, only_one: bool) -> str:
    """`BRIGHTRUN_<SERVICE>_DATABASE_URL`; for a single service also `BRIGHTRUN_DATABASE_URL`."""
    own_variable = f"BRIGHTRUN_{service_package.rpartition('.')[2].upper()}_DATABASE_URL"
    candidates = [own_variable, *([DEFAULT_URL_VARIABLE] if only_one else [])]
    for variable in candidates:
        if url := secret(variable):
            if tls_is_required() and (refused := list(unverified_databases({variable.removeprefix(_PREFIX): url}))):
                raise SystemExit(f"BRIGHTRUN_TLS_REQUIRED is set, but {refused[0]}.")
            return url
    raise SystemExit(f"{service_package}: set {' or '.join(candidates)} to the database URL (postgresql+asyncpg://...).")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m chassis.migrate", description=__doc__)
    parser.add_argument("services", nargs="+", metavar="SERVICE_PACKAGE")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS",
                        help="for databases that are not there yet")
    parser.add_argument("--check", action="store_true", help="change nothing: wait until the schemas are the newest")
    options = parser.parse_args(arguments)
    packages: list[str] = options.services
    urls = {package: database_url(package, only_one=len(packages) == 1) for package in packages}
    step = _check_all if options.check else _upgrade_all
    run_job(step(urls, options.wait), options.wait)


async def _upgrade_all(urls: dict[str, str], wait_s: float) -> None:
    for package, url in urls.items():
        await wait_for(package, url, wait_s)
        newer = await upgrade(package, url)
        state = f"is of a newer release ({newer}) and stays as it is" if newer else "is up to date"
        print(f"{package}: database {state}", flush=True)


async def _check_all(urls: dict[str, str], wait_s: float) -> None:
    for package, url in urls.items():
        await wait_until_newest(package, url, wait_s)
        print(f"{package}: database is up to date", flush=True)


def _config(service_package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder(service_package)).replace("%", "%%"))
    return config


async def _reach(service_package: str, engine: AsyncEngine) -> None:
    try:
        async with engine.connect():
            return
    except Exception as error:
        state = str(getattr(getattr(error, "orig", error), "sqlstate", ""))
        if not isinstance(error, OSError) and not state.startswith(_NOT_YET):
            raise
        place = make_url(engine.url).render_as_string()  # without the password
        raise NotThereYet(f"{service_package}: {place} does not take our connection: {error}") from None


def _upgrade(connection: Connection, config: Config, revision: str) -> str:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if newer := set(MigrationContext.configure(connection).get_current_heads()) - known:
        return ", ".join(sorted(newer))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    return ""
