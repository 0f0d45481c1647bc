"""Bring databases to the newest schema: `python -m chassis.migrate services.job_api [services.notifier ...]`."""

import asyncio
import importlib
import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from chassis.database import locks, row_security
from chassis.database.address import split

DEFAULT_URL_VARIABLE = "BRIGHTRUN_DATABASE_URL"
_ALEMBIC = asyncio.Lock()


async def upgrade(service_package: str, url: str, revision: str = "head") -> None:
    """Upgrade one service's database. Safe to run by several replicas at once; does nothing when up to date."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder(service_package)).replace("%", "%%"))
    address, tls = split(url)
    engine = create_async_engine(address, poolclass=NullPool, connect_args=tls)
    try:
        # Alembic keeps its context in module globals: one upgrade at a time within a process.
        async with _ALEMBIC, engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": locks.MIGRATION})
            await connection.run_sync(_upgrade, config, revision)
            await connection.exec_driver_sql(row_security.grants())
    finally:
        await engine.dispose()


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
        if url := os.environ.get(variable):
            return url
    raise SystemExit(f"{service_package}: set {' or '.join(candidates)} to the database URL (postgresql+asyncpg://...).")


def main(arguments: list[str]) -> None:
    if not arguments:
        raise SystemExit("usage: python -m chassis.migrate SERVICE_PACKAGE [SERVICE_PACKAGE ...]")
    urls = {package: database_url(package, only_one=len(arguments) == 1) for package in arguments}
    asyncio.run(_upgrade_all(urls))


async def _upgrade_all(urls: dict[str, str]) -> None:
    for package, url in urls.items():
        await upgrade(package, url)
        print(f"{package}: database is up to date")


def _upgrade(connection: Connection, config: Config, revision: str) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, revision)

